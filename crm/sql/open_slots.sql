-- The open starts of the window, soonest first.
, open_starts AS MATERIALIZED (
    SELECT agent_id, zone, (
        inside_hours * tstzmultirange(tstzrange(%(start)s, %(end)s) * tstzrange(%(earliest)s, %(latest)s, '()'))
    ) - closure - busy - appointment - hold - with_buffers - daily_cap AS starts
    FROM rules
)
SELECT agent_id, step
FROM open_starts
JOIN segments USING (zone)
CROSS JOIN LATERAL unnest(starts * tstzmultirange(span)) AS stretch
CROSS JOIN LATERAL generate_series(
    -- The first step of the local hour at or after the stretch's beginning.
    date_bin(%(step)s, lower(stretch) + %(step)s - interval '1 microsecond', %(hour_start)s - utc_offset),
    upper(stretch),
    %(step)s
) AS step
WHERE stretch @> step
ORDER BY step, agent_id
LIMIT %(limit)s
