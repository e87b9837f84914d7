-- Tickets with their events and content, links with their outbox, and the feed.
-- oldest: 1
--
-- Times are microseconds since 1970, UTC. Hashes are 32 bytes. A ticket's short number `n` stands for it in the tables
-- that have many rows. Where rows have two keys, both are packed into the row id, so that a table needs no index and
-- the rows of one ticket, or of one peer, lie side by side:
--
--   event.id  = ticket.n << 32 | event number
--   outbox.id = link.n   << 48 | sequence
--
-- The generated columns take them apart again for whoever looks by hand; they are not stored.

-- One row: what belongs to the store itself.
CREATE TABLE store (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  epoch   TEXT    NOT NULL,
  changed INTEGER NOT NULL             -- greatest ticket.changed ever given
);

CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
);

CREATE TABLE ticket (
  n                INTEGER PRIMARY KEY,
  id               TEXT NOT NULL,
  number           TEXT,                        -- NULL for none, as external_id
  origin           TEXT NOT NULL DEFAULT '',
  external_id      TEXT,
  state            INTEGER NOT NULL DEFAULT 0,  -- jieli.v1.Ticket.State
  holder           TEXT NOT NULL DEFAULT '',
  service          TEXT NOT NULL DEFAULT '',
  division         TEXT NOT NULL DEFAULT '',
  test             INTEGER NOT NULL DEFAULT 0,
  waiting          INTEGER NOT NULL DEFAULT 0,  -- for a route
  changed          INTEGER NOT NULL DEFAULT 0,  -- microseconds, made unique
  due              INTEGER,                     -- earliest deadline that runs; NULL for none, as the next two
  yellow           INTEGER,                     -- earliest moment one of them is near
  timer            INTEGER,                     -- when the node has to do something by itself
  provisional      INTEGER NOT NULL DEFAULT 0,  -- a deadline rests on days that no calendar had settled
  body             BLOB                         -- jieli.v1.TicketRow; NULL while only rows that point here exist
);
CREATE UNIQUE INDEX ticket_id ON ticket (id);
CREATE UNIQUE INDEX ticket_number ON ticket (number) WHERE number IS NOT NULL;
CREATE UNIQUE INDEX ticket_external_id ON ticket (external_id, origin) WHERE external_id IS NOT NULL;
CREATE INDEX ticket_list ON ticket (state, holder, changed, due, yellow, timer, provisional);
CREATE INDEX ticket_waiting ON ticket (id) WHERE waiting = 1;

-- How many tickets there are of each kind: counting, and which ranges of ticket_list there are to look through.
CREATE TABLE ticket_count (
  state   INTEGER NOT NULL,
  holder  TEXT    NOT NULL,
  test    INTEGER NOT NULL,
  tickets INTEGER NOT NULL,
  PRIMARY KEY (state, holder, test)
);

CREATE TABLE event (
  id          INTEGER PRIMARY KEY,
  ticket      INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
  number      INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
  kind        INTEGER NOT NULL,        -- jieli.v1.Event.Kind
  author      TEXT    NOT NULL,
  hash        BLOB    NOT NULL,
  bytes       BLOB,                    -- exactly as the author wrote them
  proof       BLOB,                    -- jieli.v1.BatchProof
  actor       TEXT    NOT NULL,
  from_future INTEGER NOT NULL
);

CREATE TABLE content (
  event      INTEGER NOT NULL,         -- event.id
  name       TEXT    NOT NULL,
  commitment BLOB    NOT NULL,
  random     BLOB,
  data       BLOB,
  absence    INTEGER NOT NULL          -- jieli.v1.Content.Absence
);
CREATE UNIQUE INDEX content_event ON content (event, name);

CREATE TABLE link (
  n                 INTEGER PRIMARY KEY,
  peer              TEXT    NOT NULL UNIQUE,
  last_sequence     INTEGER NOT NULL DEFAULT 0,
  acknowledged      INTEGER NOT NULL DEFAULT 0,
  acknowledged_hash BLOB,
  peer_receipt      INTEGER NOT NULL DEFAULT 0,
  sent_mark         INTEGER NOT NULL DEFAULT 0,
  streaming         INTEGER NOT NULL DEFAULT 0,
  received          INTEGER NOT NULL DEFAULT 0,
  received_hash     BLOB,
  receipt_number    INTEGER NOT NULL DEFAULT 0,
  peer_epoch        TEXT    NOT NULL DEFAULT '',
  fault             TEXT    NOT NULL DEFAULT '',
  fault_detail      TEXT    NOT NULL DEFAULT '',
  fault_time        INTEGER NOT NULL DEFAULT -62135596800000000 -- never: the year 1
);

CREATE TABLE outbox (
  id       INTEGER PRIMARY KEY,
  link     INTEGER GENERATED ALWAYS AS (id >> 48) VIRTUAL,
  sequence INTEGER GENERATED ALWAYS AS (id & 281474976710655) VIRTUAL,
  kind     INTEGER NOT NULL,           -- 1 event, 2 content, 3 empty
  event    INTEGER,                    -- event.id; NULL for empty
  name     TEXT    NOT NULL,           -- of the content
  hash     BLOB    NOT NULL,
  time     INTEGER NOT NULL
);
CREATE INDEX outbox_event ON outbox (event) WHERE kind = 1;

-- Our receipts to peers, and theirs to us.
CREATE TABLE receipt (
  peer           TEXT    NOT NULL,
  number         INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL,
  last_sequence  INTEGER NOT NULL,
  bytes          BLOB,
  PRIMARY KEY (peer, number)
);
CREATE TABLE peer_receipt (
  peer           TEXT    NOT NULL,
  number         INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL,
  last_sequence  INTEGER NOT NULL,
  bytes          BLOB,
  PRIMARY KEY (peer, number)
);

CREATE TABLE feed (
  seq          INTEGER PRIMARY KEY,
  kind         INTEGER NOT NULL,       -- jieli.v1.FeedEntry.Kind
  ticket       INTEGER NOT NULL,       -- ticket.n
  event_number INTEGER NOT NULL,
  state        INTEGER NOT NULL,
  holder       TEXT    NOT NULL,
  reason       TEXT    NOT NULL,
  time         INTEGER NOT NULL
);

CREATE TABLE request (
  id        TEXT PRIMARY KEY,
  peer      TEXT    NOT NULL,
  ticket_id TEXT    NOT NULL,
  kind      INTEGER NOT NULL,          -- jieli.v1.TicketRequest.Kind
  incoming  INTEGER NOT NULL,
  bytes     BLOB,
  settled   INTEGER NOT NULL,
  code      TEXT    NOT NULL,
  answer    BLOB,
  time      INTEGER NOT NULL
);
CREATE INDEX request_open ON request (peer, time, id) WHERE settled = 0 AND incoming = 0;

CREATE TABLE decision (
  ticket_id TEXT    NOT NULL,
  number    INTEGER NOT NULL,
  hash      BLOB    NOT NULL,
  kind      INTEGER NOT NULL,          -- jieli.v1.Decision.Kind
  reason    TEXT    NOT NULL,
  bytes     BLOB,
  PRIMARY KEY (ticket_id, number)
);

-- Rows of the next two are numbered by age.
CREATE TABLE answered (
  n          INTEGER PRIMARY KEY,
  request_id TEXT    NOT NULL UNIQUE,
  digest     BLOB    NOT NULL,
  ticket_id  TEXT    NOT NULL,
  time       INTEGER NOT NULL
);
CREATE TABLE evidence (
  n         INTEGER PRIMARY KEY,
  peer      TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  ticket_id TEXT    NOT NULL,
  reason    TEXT    NOT NULL,
  bytes     BLOB,
  time      INTEGER NOT NULL,
  UNIQUE (peer, seq)
);
CREATE INDEX evidence_ticket ON evidence (peer, ticket_id);

CREATE TABLE stopped (
  peer      TEXT    NOT NULL,
  ticket_id TEXT    NOT NULL,
  reason    TEXT    NOT NULL,
  by_peer   INTEGER NOT NULL,
  time      INTEGER NOT NULL,
  PRIMARY KEY (peer, ticket_id)
);
