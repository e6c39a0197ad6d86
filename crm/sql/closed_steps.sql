-- Every step of the window with the first rule that closes it; with `exactly`, that one start, open or closed.
, steps AS (
    SELECT rules.*, step
    FROM rules
    JOIN segments USING (zone)
    CROSS JOIN LATERAL (SELECT span * tstzrange(%(start)s, %(end)s) AS part) clipped
    CROSS JOIN LATERAL generate_series(
        date_bin(%(step)s, lower(part) + %(step)s - interval '1 microsecond', %(hour_start)s - utc_offset),
        upper(part),
        %(step)s
    ) AS step
    WHERE %(exactly)s::timestamptz IS NULL AND part @> step
    UNION ALL
    SELECT rules.*, %(exactly)s::timestamptz FROM rules WHERE %(exactly)s::timestamptz IS NOT NULL
),
judged AS (
    SELECT agent_id, step, CASE
        WHEN NOT inside_hours @> step THEN 'outside_hours'
        WHEN closure @> step THEN 'closure'
        WHEN busy @> step THEN 'busy'
        WHEN appointment @> step THEN 'appointment'
        WHEN hold @> step THEN 'hold'
        WHEN with_buffers @> step THEN 'buffer'
        WHEN step <= %(earliest)s THEN 'minimum_notice'
        WHEN step >= %(latest)s THEN 'horizon'
        WHEN daily_cap @> step THEN 'daily_cap'
    END AS rule
    FROM steps
)
SELECT agent_id, step, rule
FROM judged
WHERE rule IS NOT NULL OR %(exactly)s::timestamptz IS NOT NULL
ORDER BY step, agent_id
