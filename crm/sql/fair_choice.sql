-- Whose turn it is: fewest viewings in the agent's own week, then longest since the last one.
SELECT turn.agent_id
FROM unnest(%(agent_ids)s::bigint[], %(mondays)s::timestamptz[], %(next_mondays)s::timestamptz[])
    AS turn (agent_id, monday, next_monday)
LEFT JOIN crm_appointment viewing
    ON viewing.agent_id = turn.agent_id
    AND viewing.status <> 'cancelled'
    AND (viewing.status <> 'held' OR viewing.expires_at > %(now)s)
    AND viewing.starts_at < next_monday
GROUP BY turn.agent_id
ORDER BY
    count(*) FILTER (WHERE viewing.starts_at >= monday),
    max(viewing.starts_at) FILTER (WHERE viewing.starts_at < %(starts_at)s) NULLS FIRST,
    turn.agent_id
LIMIT 1
