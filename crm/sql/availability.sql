-- What is free and what is closed for every candidate agent, as sets of possible STARTS of a viewing.
--
-- A viewing [s, s + length) touches [a, b) exactly when a - length < s < b. So each thing that closes time is widened
-- to the left by the length (and by the buffers on both sides), and each stretch of working hours is shortened on the
-- right; after that one multirange per rule answers "may a viewing start at s?" for all starts at once.
--
-- Local days and hours go through `segments`: stretches round the window in which a zone keeps one UTC offset (see
-- crm/zones.py). Inside a segment local time is UTC plus a constant, so an hour skipped in spring has no instants and an
-- hour repeated in autumn has its instants twice, without any special case.
WITH
agents AS MATERIALIZED (
    SELECT agent.id, agent.timezone AS zone
    FROM crm_agent agent
    WHERE agent.is_active
      AND agent.is_bookable
      AND (%(agent_ids)s::bigint[] IS NULL OR agent.id = ANY(%(agent_ids)s::bigint[]))
      AND (%(listing_id)s::bigint IS NULL OR EXISTS (
          SELECT FROM crm_listing_agents shown
          JOIN crm_listing listing ON listing.id = shown.listing_id AND listing.status = 'available'
          WHERE shown.listing_id = %(listing_id)s AND shown.agent_id = agent.id
      ))
),
segments AS MATERIALIZED (
    SELECT zone, tstzrange(since, until) AS span, utc_offset
    FROM unnest(
        %(zones)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(offsets)s::interval[]
    ) AS segment (zone, since, until, utc_offset)
),
hours AS (
    SELECT agents.id AS agent_id, range_agg(span * tstzrange(
        (day + make_interval(mins => start_minute) - utc_offset) AT TIME ZONE 'UTC',
        (day + make_interval(mins => end_minute) - utc_offset) AT TIME ZONE 'UTC'
    )) AS stretches
    FROM agents
    JOIN segments USING (zone)
    JOIN crm_workinghours hours ON hours.agent_id = agents.id
    CROSS JOIN LATERAL (SELECT date_trunc('day', lower(span) AT TIME ZONE 'UTC' + utc_offset) AS first_day) first
    CROSS JOIN LATERAL generate_series(
        first_day + make_interval(days => (weekday + 8 - extract(isodow FROM first_day)::int) %% 7),
        upper(span) AT TIME ZONE 'UTC' + utc_offset,
        interval '7 days'
    ) day
    GROUP BY agents.id
),
inside_hours AS (
    SELECT agent_id, range_agg(tstzrange(lower(stretch), upper(stretch) - %(length)s, '[]')) AS starts
    FROM hours, unnest(stretches) stretch
    WHERE upper(stretch) - lower(stretch) >= %(length)s
    GROUP BY agent_id
),
closures AS (
    SELECT coalesce(range_agg(tstzrange(lower(closed) - %(length)s, upper(closed), '()')), '{}') AS starts
    FROM segments
    CROSS JOIN crm_closure closure
    CROSS JOIN LATERAL (SELECT span * tstzrange(
        (closure.starts_on::timestamp - utc_offset) AT TIME ZONE 'UTC',
        (closure.ends_on::timestamp + interval '1 day' - utc_offset) AT TIME ZONE 'UTC'
    ) AS closed) part
    WHERE zone = %(office_zone)s AND NOT isempty(closed)
),
promised AS MATERIALIZED (
    SELECT
        agent_id, listing_id, starts_at, ends_at,
        CASE status WHEN 'held' THEN 'hold' ELSE 'appointment' END AS rule,
        make_interval(mins => greatest(buffer_before_minutes, %(after)s)) AS gap_before,
        make_interval(mins => greatest(buffer_after_minutes, %(before)s)) AS gap_after
    FROM crm_appointment
    WHERE status IN ('held', 'booked')
      AND (status = 'booked' OR expires_at > %(now)s)
      AND tstzrange(starts_at, ends_at, '[)') && tstzrange(%(near_start)s, %(near_end)s)
      AND (agent_id = ANY(ARRAY(SELECT id FROM agents)) OR listing_id = %(listing_id)s AND NOT %(stacked)s)
      AND id <> ALL(%(ignored)s::bigint[])
),
neighbours AS (
    SELECT agent_id, starts_at, ends_at, rule, gap_before, gap_after FROM promised
    UNION ALL
    SELECT agent_id, starts_at, ends_at, 'busy',
           make_interval(mins => %(after)s), make_interval(mins => %(before)s)
    FROM crm_busytime
    WHERE agent_id = ANY(ARRAY(SELECT id FROM agents)) AND ends_at > %(near_start)s AND starts_at < %(near_end)s
),
taken AS (
    SELECT
        agent_id,
        range_agg(tstzrange(starts_at - %(length)s, ends_at, '()')) FILTER (WHERE rule = 'busy') AS busy,
        range_agg(tstzrange(starts_at - %(length)s, ends_at, '()')) FILTER (WHERE rule = 'appointment') AS appointment,
        range_agg(tstzrange(starts_at - %(length)s, ends_at, '()')) FILTER (WHERE rule = 'hold') AS hold,
        range_agg(tstzrange(starts_at - %(length)s - gap_before, ends_at + gap_after, '()')) AS with_buffers
    FROM neighbours JOIN agents ON agents.id = agent_id
    GROUP BY agent_id
),
-- One viewing at a time in a home, whoever shows it. Buffers are an agent's way there and back, not the home's.
home AS (
    SELECT
        coalesce(range_agg(tstzrange(starts_at - %(length)s, ends_at, '()')) FILTER (WHERE rule = 'appointment'), '{}')
            AS appointment,
        coalesce(range_agg(tstzrange(starts_at - %(length)s, ends_at, '()')) FILTER (WHERE rule = 'hold'), '{}') AS hold
    FROM promised
    WHERE listing_id = %(listing_id)s AND NOT %(stacked)s
),
full_days AS (
    SELECT agent_id, range_agg(span * tstzrange(
        (day - utc_offset) AT TIME ZONE 'UTC', (day + interval '1 day' - utc_offset) AT TIME ZONE 'UTC'
    )) AS starts
    FROM (
        SELECT agent_id, zone, date_trunc('day', starts_at AT TIME ZONE 'UTC' + utc_offset) AS day
        FROM promised JOIN agents ON agents.id = agent_id JOIN segments USING (zone)
        WHERE span @> starts_at
        GROUP BY 1, 2, 3
        HAVING count(*) >= %(daily_cap)s::int
    ) counted
    JOIN segments USING (zone)
    GROUP BY agent_id
),
rules AS MATERIALIZED (
    SELECT
        agents.id AS agent_id,
        agents.zone,
        coalesce(inside_hours.starts, '{}') AS inside_hours,
        closures.starts AS closure,
        coalesce(busy, '{}') AS busy,
        coalesce(taken.appointment, '{}') + home.appointment AS appointment,
        coalesce(taken.hold, '{}') + home.hold AS hold,
        coalesce(with_buffers, '{}') AS with_buffers,
        CASE WHEN %(daily_cap)s::int = 0 THEN tstzmultirange(tstzrange(NULL, NULL)) ELSE coalesce(full_days.starts, '{}') END
            AS daily_cap
    FROM agents
    CROSS JOIN closures
    CROSS JOIN home
    LEFT JOIN inside_hours ON inside_hours.agent_id = agents.id
    LEFT JOIN taken ON taken.agent_id = agents.id
    LEFT JOIN full_days ON full_days.agent_id = agents.id
)
