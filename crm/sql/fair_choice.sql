-- Whose turn it is: fewest viewings in the agent's own week (Monday to Sunday), then longest since the last one.
WITH viewings AS (
    SELECT agent_id, starts_at
    FROM crm_appointment
    WHERE agent_id = ANY(%(agent_ids)s)
      AND status <> 'cancelled'
      AND (status <> 'held' OR expires_at > %(now)s)
      AND starts_at < %(starts_at)s::timestamptz + interval '8 days'
)
SELECT agent.id
FROM crm_agent agent
CROSS JOIN LATERAL (SELECT date_trunc('week', %(starts_at)s AT TIME ZONE agent.timezone) AS monday) week
CROSS JOIN LATERAL (
    SELECT count(*) AS booked
    FROM viewings
    WHERE agent_id = agent.id
      AND starts_at >= monday AT TIME ZONE agent.timezone
      AND starts_at < (monday + interval '7 days') AT TIME ZONE agent.timezone
) this_week
CROSS JOIN LATERAL (
    SELECT max(starts_at) AS last_at FROM viewings WHERE agent_id = agent.id AND starts_at < %(starts_at)s
) before
WHERE agent.id = ANY(%(agent_ids)s)
ORDER BY booked, last_at NULLS FIRST, agent.id
LIMIT 1
