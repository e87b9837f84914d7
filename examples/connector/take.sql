-- Brings the table up to one ticket. ?1 is the ticket in JSON, as the node has it now; ?2 is this region.

-- A case of ours finds its ticket here, too: the connector may have died before it read the answer to the hand-over.
UPDATE cases SET ticket = ?1 ->> 'id'
WHERE id = substr(?1 ->> 'externalId', 6) AND 'CASE-' || id = ?1 ->> 'externalId' AND ?1 ->> 'origin' = ?2;

-- Another region's ticket becomes a case of ours when we first hear of it.
INSERT OR IGNORE INTO cases (ticket, title, description, division, kind, urgency, category)
SELECT ?1 ->> 'id', coalesce(?1 ->> 'title', ''), coalesce(?1 ->> 'description', ''), ?1 ->> 'division',
    coalesce((SELECT word FROM words WHERE section = 'types' AND jieli = ?1 ->> 'type' ORDER BY rowid), ?1 ->> 'type'),
    coalesce((SELECT word FROM words WHERE section = 'urgencies' AND jieli = ?1 ->> 'urgency' ORDER BY rowid), ?1 ->> 'urgency'),
    coalesce((SELECT word FROM words WHERE section = 'categories' AND jieli = ?1 ->> 'service' ORDER BY rowid), ?1 ->> 'category', '')
WHERE ?1 ->> 'origin' <> ?2;

-- Read twice or late, it changes nothing. A list of tickets has no events, and leaves the result as it is.
UPDATE cases SET number = ?1 ->> 'number', origin = ?1 ->> 'origin', holder = ?1 ->> 'holder', event = ?1 ->> 'lastEvent',
    state = coalesce((SELECT word FROM words WHERE section = 'states' AND jieli = ?1 ->> 'state'), ?1 ->> 'state'),
    result = coalesce((SELECT value ->> 'text' FROM json_each(?1, '$.events') WHERE value ->> 'kind' IN ('ANSWERED', 'RETURNED')
        ORDER BY key DESC), result),
    problem = coalesce(?1 ->> 'stopped', 'tell the caller to call ' || (?1 ->> 'callNumber') || ' at once', problem)
WHERE ticket = ?1 ->> 'id' AND event <= ?1 ->> 'lastEvent' AND ?2 <> '';
