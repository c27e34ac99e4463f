-- +goose Up
-- Sallyport's tables for SQLite 3.42 and later, version 1. Migrate applies this file, or
-- goose or golang-migrate do. Instants are microseconds since 1970, in UTC.

CREATE TABLE sallyport_schema (
	version INTEGER PRIMARY KEY,
	applied INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER))
) STRICT;

-- The record of each tenant. What queries need of it stands beside it.
CREATE TABLE sallyport_policies (
	tenant   TEXT PRIMARY KEY,
	line     INTEGER NOT NULL CHECK (line BETWEEN 1 AND 4294967295),
	number   INTEGER NOT NULL CHECK (number BETWEEN 1 AND 9223372036854775806),
	deleted  INTEGER NOT NULL,
	saved_by TEXT NOT NULL,
	at       INTEGER NOT NULL,
	record   TEXT NOT NULL CHECK (json_valid(record)),
	changed  INTEGER NOT NULL DEFAULT 0 -- for those who poll
) STRICT;
CREATE INDEX sallyport_policies_changed ON sallyport_policies (changed);

-- Every save: its id for as long as the tenant is there, its event and its record until
-- they are forgotten.
CREATE TABLE sallyport_saves (
	seq             INTEGER PRIMARY KEY AUTOINCREMENT,
	tenant          TEXT NOT NULL,
	save            TEXT, -- NULL: it has no id
	expected_line   INTEGER NOT NULL,
	expected_number INTEGER NOT NULL,
	line            INTEGER NOT NULL,
	number          INTEGER NOT NULL,
	at              INTEGER NOT NULL, -- of the event, as the rest
	actor           TEXT NOT NULL,
	member          TEXT NOT NULL,
	kind            TEXT NOT NULL,
	event           TEXT CHECK (json_valid(event)), -- NULL: forgotten, with the record
	record          TEXT CHECK (json_valid(record))
) STRICT;
CREATE UNIQUE INDEX sallyport_saves_save ON sallyport_saves (tenant, save) WHERE save IS NOT NULL;
CREATE INDEX sallyport_saves_version ON sallyport_saves (tenant, line, number, seq);
CREATE INDEX sallyport_saves_history ON sallyport_saves (tenant, seq) WHERE event IS NOT NULL;
CREATE INDEX sallyport_saves_at ON sallyport_saves (tenant, at, seq) WHERE event IS NOT NULL;

-- Orders that are not done, of the policies and of the members: see session.Outbox.
CREATE TABLE sallyport_orders (
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	outbox  TEXT NOT NULL CHECK (outbox IN ('policies', 'members')),
	id      TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	due     INTEGER NOT NULL,
	was_due INTEGER NOT NULL, -- before it was taken
	timed   INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)), -- when due was set; later than now if the clock has gone back
	tries   INTEGER NOT NULL DEFAULT 0,
	parked  INTEGER NOT NULL DEFAULT 0,
	err     TEXT NOT NULL DEFAULT '',
	content TEXT NOT NULL CHECK (json_valid(content)),
	UNIQUE (outbox, id)
) STRICT;
CREATE INDEX sallyport_orders_due ON sallyport_orders (outbox, due, seq) WHERE NOT parked;
CREATE INDEX sallyport_orders_timed ON sallyport_orders (outbox, timed) WHERE NOT parked;
CREATE INDEX sallyport_orders_tenant ON sallyport_orders (outbox, tenant, seq);

-- Sessions. seq never changes, whatever becomes of the id.
CREATE TABLE sallyport_sessions (
	seq              INTEGER PRIMARY KEY AUTOINCREMENT,
	id               BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
	first            BLOB NOT NULL UNIQUE CHECK (length(first) = 32), -- the id that it began with
	tenant           TEXT NOT NULL,
	member           TEXT NOT NULL,
	kind             TEXT NOT NULL,
	client           TEXT NOT NULL, -- the stamp's, as the next six
	policy_line      INTEGER NOT NULL,
	policy_number    INTEGER NOT NULL,
	member_line      INTEGER NOT NULL,
	member_number    INTEGER NOT NULL,
	verified         INTEGER NOT NULL,
	verified_country TEXT NOT NULL,
	addr             TEXT NOT NULL,
	country          TEXT NOT NULL,
	device           TEXT NOT NULL,
	system           TEXT NOT NULL,
	via              TEXT NOT NULL,
	label            TEXT NOT NULL,
	created          INTEGER NOT NULL,
	seen             INTEGER NOT NULL,
	idle             INTEGER NOT NULL, -- nanoseconds; 0: no limit
	life             INTEGER NOT NULL,
	ended            INTEGER, -- NULL: nobody has ended it
	why              TEXT NOT NULL,
	dies             INTEGER  -- not dead before; moved on when it is looked at, so that no touch writes an index
) STRICT;
CREATE INDEX sallyport_sessions_tenant ON sallyport_sessions (tenant, created, first);
CREATE INDEX sallyport_sessions_member ON sallyport_sessions (tenant, member, created, first);
CREATE INDEX sallyport_sessions_device ON sallyport_sessions (tenant, device, created, first) WHERE device <> '';
CREATE INDEX sallyport_sessions_live ON sallyport_sessions (tenant, seq) WHERE ended IS NULL;
CREATE INDEX sallyport_sessions_dies ON sallyport_sessions (dies) WHERE dies IS NOT NULL;

-- The access with which a session began has the seq of that session. That of a session
-- which is kept elsewhere has a seq below 0, and first is what the session began with.
CREATE TABLE sallyport_visits (
	seq      INTEGER PRIMARY KEY,
	first    BLOB CHECK (length(first) = 32),
	tenant   TEXT NOT NULL,
	member   TEXT NOT NULL,
	client   TEXT NOT NULL,
	addr     TEXT NOT NULL,
	country  TEXT NOT NULL,
	device   TEXT NOT NULL,
	system   TEXT NOT NULL,
	verified INTEGER NOT NULL,
	at       INTEGER NOT NULL
) STRICT;
CREATE INDEX sallyport_visits_tenant ON sallyport_visits (tenant, at, seq);
CREATE INDEX sallyport_visits_member ON sallyport_visits (tenant, member, at, seq);
CREATE INDEX sallyport_visits_at ON sallyport_visits (at);

-- Accounts of members: see package member/directory.
CREATE TABLE sallyport_members (
	tenant       TEXT NOT NULL,
	id           TEXT NOT NULL,
	line         INTEGER NOT NULL CHECK (line BETWEEN 1 AND 4294967295),
	number       INTEGER NOT NULL CHECK (number >= 1),
	status       TEXT NOT NULL,
	counts       INTEGER NOT NULL, -- among the super admins of whom the last stays
	apps_blocked INTEGER NOT NULL,
	deleted      INTEGER,
	purged       INTEGER NOT NULL,
	login_id     TEXT, -- NULL: none
	roles        TEXT NOT NULL, -- their names, each between line ends
	words        TEXT NOT NULL, -- what is searched, ASCII letters small
	account      TEXT NOT NULL CHECK (json_valid(account)),
	changed      INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, id)
) STRICT;
CREATE UNIQUE INDEX sallyport_members_login ON sallyport_members (tenant, login_id) WHERE login_id IS NOT NULL;
CREATE INDEX sallyport_members_counts ON sallyport_members (tenant, id) WHERE counts;
CREATE INDEX sallyport_members_status ON sallyport_members (tenant, status, id) WHERE NOT purged;
CREATE INDEX sallyport_members_blocked ON sallyport_members (tenant, id) WHERE apps_blocked AND NOT purged;
CREATE INDEX sallyport_members_roles ON sallyport_members (tenant, id) WHERE roles <> '' AND NOT purged;
CREATE INDEX sallyport_members_deleted ON sallyport_members (tenant, deleted) WHERE deleted IS NOT NULL AND NOT purged;
CREATE INDEX sallyport_members_changed ON sallyport_members (changed);

-- Whose an external login is. It is in the account too.
CREATE TABLE sallyport_externals (
	tenant   TEXT NOT NULL,
	external TEXT NOT NULL,
	member   TEXT NOT NULL,
	PRIMARY KEY (tenant, external)
) STRICT;
CREATE INDEX sallyport_externals_member ON sallyport_externals (tenant, member);

CREATE TABLE sallyport_rosters (
	tenant  TEXT PRIMARY KEY,
	version INTEGER NOT NULL
) STRICT;

-- What was done to members, and what was refused.
CREATE TABLE sallyport_events (
	seq    INTEGER PRIMARY KEY AUTOINCREMENT,
	tenant TEXT NOT NULL,
	id     TEXT NOT NULL,
	change INTEGER NOT NULL, -- it came with a change, so that its id tells a repetition
	at     INTEGER NOT NULL,
	actor  TEXT NOT NULL,
	member TEXT NOT NULL,
	kind   TEXT NOT NULL,
	event  TEXT NOT NULL CHECK (json_valid(event))
) STRICT;
CREATE UNIQUE INDEX sallyport_events_change ON sallyport_events (tenant, id) WHERE change;
CREATE INDEX sallyport_events_at ON sallyport_events (tenant, at, seq);
CREATE INDEX sallyport_events_member ON sallyport_events (tenant, member, at, seq);
CREATE INDEX sallyport_events_actor ON sallyport_events (tenant, actor, at, seq);

CREATE TABLE sallyport_failures (
	tenant TEXT NOT NULL,
	member TEXT NOT NULL,
	number INTEGER NOT NULL,
	locked INTEGER,
	behind INTEGER NOT NULL,
	PRIMARY KEY (tenant, member)
) STRICT;
CREATE INDEX sallyport_failures_locked ON sallyport_failures (tenant, member) WHERE locked IS NOT NULL;

-- Identity verifications: see package member/verify.
CREATE TABLE sallyport_verifications (
	tenant   TEXT NOT NULL,
	member   TEXT NOT NULL,
	revision TEXT NOT NULL,
	until    INTEGER NOT NULL,
	record   TEXT NOT NULL CHECK (json_valid(record)),
	PRIMARY KEY (tenant, member)
) STRICT;
CREATE INDEX sallyport_verifications_until ON sallyport_verifications (until);

-- Whatever program writes: within a line the number grows and no cut moves back.
-- +goose StatementBegin
CREATE TRIGGER sallyport_policy_forward BEFORE UPDATE OF tenant, line, number, deleted, record ON sallyport_policies BEGIN
	SELECT RAISE(ABORT, 'sallyport: a record stays its tenant''s') WHERE NEW.tenant <> OLD.tenant;
	SELECT RAISE(ABORT, 'sallyport: the number of a policy does not grow') WHERE NEW.line = OLD.line AND NEW.number <= OLD.number;
	SELECT RAISE(ABORT, 'sallyport: a tenant that was deleted begins a new line') WHERE NEW.line = OLD.line AND OLD.deleted AND NOT NEW.deleted;
	SELECT RAISE(ABORT, 'sallyport: a cut of a policy moves back')
	WHERE NEW.line = OLD.line AND (
		json_extract(NEW.record, '$.cuts') IS NOT json_extract(OLD.record, '$.cuts') OR
		json_extract(NEW.record, '$.member_cuts') IS NOT json_extract(OLD.record, '$.member_cuts')
	) AND EXISTS (
		SELECT 1 FROM (
			SELECT NULL AS member, c.value AS client, json_extract(w.value, '$.version') AS version
			FROM json_each(OLD.record, '$.cuts') w, json_each(w.value, '$.clients') c
			UNION ALL
			SELECT m.key, c.value, json_extract(w.value, '$.version')
			FROM json_each(OLD.record, '$.member_cuts') m, json_each(m.value) w, json_each(w.value, '$.clients') c
		) was
		LEFT JOIN (
			SELECT c.value AS client, json_extract(n.value, '$.version') AS version
			FROM json_each(NEW.record, '$.cuts') n, json_each(n.value, '$.clients') c
		) own ON own.client = was.client AND own.version >= was.version
		LEFT JOIN (
			SELECT m.key AS member, c.value AS client, json_extract(n.value, '$.version') AS version
			FROM json_each(NEW.record, '$.member_cuts') m, json_each(m.value) n, json_each(n.value, '$.clients') c
		) theirs ON theirs.member = was.member AND theirs.client = was.client AND theirs.version >= was.version
		WHERE own.client IS NULL AND theirs.client IS NULL
	);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER sallyport_member_forward BEFORE UPDATE OF tenant, id, line, number, account ON sallyport_members BEGIN
	SELECT RAISE(ABORT, 'sallyport: an account stays its member''s') WHERE NEW.tenant <> OLD.tenant OR NEW.id <> OLD.id;
	SELECT RAISE(ABORT, 'sallyport: the number of an account does not grow') WHERE NEW.line = OLD.line AND NEW.number <= OLD.number;
	SELECT RAISE(ABORT, 'sallyport: a cut of an account moves back')
	WHERE NEW.line = OLD.line AND EXISTS (
		SELECT 1 FROM json_each(OLD.account, '$.cuts') w, json_each(w.value, '$.clients') c
		WHERE NOT EXISTS (
			SELECT 1 FROM json_each(NEW.account, '$.cuts') n, json_each(n.value, '$.clients') d
			WHERE d.value = c.value AND json_extract(n.value, '$.version') >= json_extract(w.value, '$.version')
		)
	);
END;
-- +goose StatementEnd

-- Nor by REPLACE, which removes what is there and asks no trigger of an update.
-- +goose StatementBegin
CREATE TRIGGER sallyport_policy_replaced BEFORE INSERT ON sallyport_policies BEGIN
	SELECT RAISE(ABORT, 'sallyport: a policy is there; UPDATE it, and do not REPLACE it')
	WHERE EXISTS (SELECT 1 FROM sallyport_policies WHERE tenant = NEW.tenant);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sallyport_member_replaced BEFORE INSERT ON sallyport_members BEGIN
	SELECT RAISE(ABORT, 'sallyport: an account is there; UPDATE it, and do not REPLACE it')
	WHERE EXISTS (SELECT 1 FROM sallyport_members WHERE tenant = NEW.tenant AND id = NEW.id);
END;
-- +goose StatementEnd

-- Changes are numbered in the order in which they are committed, for those who poll.
-- +goose StatementBegin
CREATE TRIGGER sallyport_policy_made AFTER INSERT ON sallyport_policies BEGIN
	UPDATE sallyport_policies SET changed = (SELECT max(changed) + 1 FROM sallyport_policies) WHERE rowid = NEW.rowid;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sallyport_policy_changed AFTER UPDATE OF line, number ON sallyport_policies BEGIN
	UPDATE sallyport_policies SET changed = (SELECT max(changed) + 1 FROM sallyport_policies) WHERE rowid = NEW.rowid;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sallyport_member_made AFTER INSERT ON sallyport_members BEGIN
	UPDATE sallyport_members SET changed = (SELECT max(changed) + 1 FROM sallyport_members) WHERE rowid = NEW.rowid;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER sallyport_member_changed AFTER UPDATE OF line, number ON sallyport_members BEGIN
	UPDATE sallyport_members SET changed = (SELECT max(changed) + 1 FROM sallyport_members) WHERE rowid = NEW.rowid;
END;
-- +goose StatementEnd

-- A session leaves a visit, in the statement that creates it.
-- +goose StatementBegin
CREATE TRIGGER sallyport_session_visited AFTER INSERT ON sallyport_sessions BEGIN
	INSERT INTO sallyport_visits (seq, tenant, member, client, addr, country, device, system, verified, at)
	VALUES (NEW.seq, NEW.tenant, NEW.member, NEW.client, NEW.addr, NEW.country, NEW.device, NEW.system, NEW.verified, NEW.created);
END;
-- +goose StatementEnd

INSERT INTO sallyport_schema (version) VALUES (1);
