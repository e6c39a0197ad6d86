-- For each candidate agent, every rule that closes exactly one start, in the order in which they are explained.
SELECT agent_id, array_remove(ARRAY[
    CASE WHEN NOT inside_hours @> start THEN 'outside_hours' END,
    CASE WHEN closure @> start THEN 'closure' END,
    CASE WHEN busy @> start THEN 'busy' END,
    CASE WHEN appointment @> start THEN 'appointment' END,
    CASE WHEN hold @> start THEN 'hold' END,
    CASE WHEN with_buffers @> start THEN 'buffer' END,
    CASE WHEN start <= %(earliest)s THEN 'minimum_notice' END,
    CASE WHEN start >= %(latest)s THEN 'horizon' END,
    CASE WHEN daily_cap @> start THEN 'daily_cap' END
], NULL)
FROM rules CROSS JOIN (SELECT %(start)s::timestamptz AS start) wanted
