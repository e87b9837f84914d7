-- The centre's own table. The first part is what its clerks fill in for any case; the second says what a clerk wants
-- done about it through Jieli; the third is the connector's to write.
CREATE TABLE IF NOT EXISTS cases (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL DEFAULT '',     -- in the centre's own words, as mapping.yaml has them
    category    TEXT NOT NULL DEFAULT '',
    urgency     TEXT NOT NULL DEFAULT '',
    title       TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    division    TEXT NOT NULL DEFAULT '',     -- administrative code of the place
    caller      TEXT NOT NULL DEFAULT '',     -- empty in cases taken in: the screen asks the node when a clerk must know
    phone       TEXT NOT NULL DEFAULT '',

    -- A wish is carried out once. Set it together with version = version + 1 and seen = event.
    wish        TEXT NOT NULL DEFAULT '',     -- handover accept offer return answer note close reopen withdraw recall
    say         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(say)),  -- what goes with it, as docs/api.md has it: {"text": "…"}
    clerk       TEXT NOT NULL DEFAULT '',     -- who wants it
    seen        INTEGER NOT NULL DEFAULT 0,   -- the newest event the clerk knew of; 0: whatever it is
    version     INTEGER NOT NULL DEFAULT 0,

    ticket      TEXT UNIQUE,                  -- id in Jieli; NULL: not handed over
    number      TEXT NOT NULL DEFAULT '',
    origin      TEXT NOT NULL DEFAULT '',
    holder      TEXT NOT NULL DEFAULT '',
    state       TEXT NOT NULL DEFAULT '',     -- in the centre's word
    event       INTEGER NOT NULL DEFAULT 0,   -- the newest event
    result      TEXT NOT NULL DEFAULT '',     -- the newest answer, or why it was returned
    problem     TEXT NOT NULL DEFAULT ''      -- what a clerk must look at
);
CREATE INDEX IF NOT EXISTS wished ON cases (id) WHERE wish <> '';

-- Where in the node's feed this database is: written in one transaction with what the feed said.
CREATE TABLE IF NOT EXISTS feed (cursor TEXT NOT NULL);
INSERT INTO feed SELECT '' WHERE NOT EXISTS (SELECT 1 FROM feed);

-- The mapping file, which the connector reads at its start. Cases taken in get the first of several words.
CREATE TABLE IF NOT EXISTS words (section TEXT NOT NULL, jieli TEXT NOT NULL, word TEXT NOT NULL);
DELETE FROM words;

-- What to send for each wish. Sent twice it is taken once: by the same externalId with the same content, or by the same
-- requestId, a UUID that a case has anew in each version.
CREATE VIEW IF NOT EXISTS wishes AS SELECT id, version, clerk,
    CASE wish WHEN 'handover' THEN '/v1/tickets' ELSE '/v1/tickets/' || coalesce(ticket, 'none') || ':' || wish END AS path,
    CASE wish WHEN 'handover' THEN json_object('ticket', json_object(
        'externalId', 'CASE-' || id, 'title', title, 'description', description, 'division', division, 'category', category,
        'type', (SELECT jieli FROM words WHERE section = 'types' AND word = kind),
        'urgency', (SELECT jieli FROM words WHERE section = 'urgencies' AND word = urgency),
        'service', (SELECT jieli FROM words WHERE section = 'categories' AND word = category),
        'reporter', json_object('name', caller, 'phone', phone)))
    ELSE json_patch(say, json_object('expectedEvent', seen, 'requestId', printf('%08x-ca5e-8000-8000-%012x', id, version)))
    END AS body FROM cases WHERE wish <> '';
