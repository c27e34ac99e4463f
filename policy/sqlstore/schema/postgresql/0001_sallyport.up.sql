-- +goose Up
-- Sallyport's tables for PostgreSQL 15 and later, version 1. Migrate applies this file, or
-- goose or golang-migrate do. Names and ids are compared by their bytes: COLLATE "C".

CREATE TABLE sallyport_schema (
	version integer PRIMARY KEY,
	applied timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The record of each tenant. What queries need of it stands beside it.
CREATE TABLE sallyport_policies (
	tenant   text COLLATE "C" PRIMARY KEY,
	line     bigint NOT NULL CHECK (line BETWEEN 1 AND 4294967295),
	number   bigint NOT NULL CHECK (number BETWEEN 1 AND 9223372036854775806),
	deleted  boolean NOT NULL,
	saved_by text COLLATE "C" NOT NULL,
	at       timestamptz NOT NULL,
	record   jsonb NOT NULL,
	changed  xid8 NOT NULL DEFAULT pg_current_xact_id() -- for those who poll
);
CREATE INDEX sallyport_policies_changed ON sallyport_policies (changed);

-- Every save: its id for as long as the tenant is there, its event and its record until
-- they are forgotten.
CREATE TABLE sallyport_saves (
	seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant          text COLLATE "C" NOT NULL,
	save            text COLLATE "C", -- NULL: it has no id
	expected_line   bigint NOT NULL,
	expected_number bigint NOT NULL,
	line            bigint NOT NULL,
	number          bigint NOT NULL,
	at              timestamptz NOT NULL, -- of the event, as the rest
	actor           text COLLATE "C" NOT NULL,
	member          text COLLATE "C" NOT NULL,
	kind            text COLLATE "C" NOT NULL,
	event           jsonb, -- NULL: forgotten, with the record
	record          jsonb
);
CREATE UNIQUE INDEX sallyport_saves_save ON sallyport_saves (tenant, save) WHERE save IS NOT NULL;
CREATE INDEX sallyport_saves_version ON sallyport_saves (tenant, line, number, seq);
CREATE INDEX sallyport_saves_history ON sallyport_saves (tenant, seq) WHERE event IS NOT NULL;
CREATE INDEX sallyport_saves_at ON sallyport_saves (tenant, at, seq) WHERE event IS NOT NULL;

-- Orders that are not done, of the policies and of the members: see session.Outbox.
CREATE TABLE sallyport_orders (
	seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	outbox  text COLLATE "C" NOT NULL CHECK (outbox IN ('policies', 'members')),
	id      text COLLATE "C" NOT NULL,
	tenant  text COLLATE "C" NOT NULL,
	due     timestamptz NOT NULL,
	was_due timestamptz NOT NULL, -- before it was taken
	timed   timestamptz NOT NULL DEFAULT clock_timestamp(), -- when due was set; later than now if the clock has gone back
	tries   bigint NOT NULL DEFAULT 0,
	parked  boolean NOT NULL DEFAULT false,
	err     text NOT NULL DEFAULT '',
	content jsonb NOT NULL,
	UNIQUE (outbox, id)
);
CREATE INDEX sallyport_orders_due ON sallyport_orders (outbox, due, seq) WHERE NOT parked;
CREATE INDEX sallyport_orders_timed ON sallyport_orders (outbox, timed) WHERE NOT parked;
CREATE INDEX sallyport_orders_tenant ON sallyport_orders (outbox, tenant, seq);

-- Sessions. seq never changes, whatever becomes of the id.
CREATE TABLE sallyport_sessions (
	seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id               bytea NOT NULL UNIQUE CHECK (length(id) = 32),
	first            bytea NOT NULL UNIQUE CHECK (length(first) = 32), -- the id that it began with
	tenant           text COLLATE "C" NOT NULL,
	member           text COLLATE "C" NOT NULL,
	kind             text COLLATE "C" NOT NULL,
	client           text COLLATE "C" NOT NULL, -- the stamp's, as the next six
	policy_line      bigint NOT NULL,
	policy_number    bigint NOT NULL,
	member_line      bigint NOT NULL,
	member_number    bigint NOT NULL,
	verified         boolean NOT NULL,
	verified_country text COLLATE "C" NOT NULL,
	addr             text COLLATE "C" NOT NULL,
	country          text COLLATE "C" NOT NULL,
	device           text COLLATE "C" NOT NULL,
	system           text COLLATE "C" NOT NULL,
	via              text COLLATE "C" NOT NULL,
	label            text COLLATE "C" NOT NULL,
	created          timestamptz NOT NULL,
	seen             timestamptz NOT NULL,
	idle             bigint NOT NULL, -- nanoseconds; 0: no limit
	life             bigint NOT NULL,
	ended            timestamptz, -- NULL: nobody has ended it
	why              text NOT NULL,
	dies             timestamptz  -- not dead before; moved on when it is looked at, so that no touch writes an index
) WITH (fillfactor = 85);
CREATE INDEX sallyport_sessions_tenant ON sallyport_sessions (tenant, created, first);
CREATE INDEX sallyport_sessions_member ON sallyport_sessions (tenant, member, created, first);
CREATE INDEX sallyport_sessions_device ON sallyport_sessions (tenant, device, created, first) WHERE device <> '';
CREATE INDEX sallyport_sessions_live ON sallyport_sessions (tenant, seq) WHERE ended IS NULL;
CREATE INDEX sallyport_sessions_dies ON sallyport_sessions (dies) WHERE dies IS NOT NULL;

-- The access with which a session began has the seq of that session. That of a session
-- which is kept elsewhere has a seq below 0, and first is what the session began with.
CREATE TABLE sallyport_visits (
	seq      bigint PRIMARY KEY,
	first    bytea CHECK (length(first) = 32),
	tenant   text COLLATE "C" NOT NULL,
	member   text COLLATE "C" NOT NULL,
	client   text COLLATE "C" NOT NULL,
	addr     text COLLATE "C" NOT NULL,
	country  text COLLATE "C" NOT NULL,
	device   text COLLATE "C" NOT NULL,
	system   text COLLATE "C" NOT NULL,
	verified boolean NOT NULL,
	at       timestamptz NOT NULL
);
CREATE SEQUENCE sallyport_visits_seq AS bigint INCREMENT -1;
CREATE INDEX sallyport_visits_tenant ON sallyport_visits (tenant, at, seq);
CREATE INDEX sallyport_visits_member ON sallyport_visits (tenant, member, at, seq);
CREATE INDEX sallyport_visits_at ON sallyport_visits (at);

-- Accounts of members: see package member/directory.
CREATE TABLE sallyport_members (
	tenant       text COLLATE "C" NOT NULL,
	id           text COLLATE "C" NOT NULL,
	line         bigint NOT NULL CHECK (line BETWEEN 1 AND 4294967295),
	number       bigint NOT NULL CHECK (number >= 1),
	status       text COLLATE "C" NOT NULL,
	counts       boolean NOT NULL, -- among the super admins of whom the last stays
	apps_blocked boolean NOT NULL,
	deleted      timestamptz,
	purged       boolean NOT NULL,
	login_id     text COLLATE "C", -- NULL: none
	roles        text COLLATE "C" NOT NULL, -- their names, each between line ends
	words        text COLLATE "C" NOT NULL, -- what is searched, ASCII letters small
	account      jsonb NOT NULL,
	changed      xid8 NOT NULL DEFAULT pg_current_xact_id(),
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX sallyport_members_login ON sallyport_members (tenant, login_id) WHERE login_id IS NOT NULL;
CREATE INDEX sallyport_members_counts ON sallyport_members (tenant, id) WHERE counts;
CREATE INDEX sallyport_members_status ON sallyport_members (tenant, status, id) WHERE NOT purged;
CREATE INDEX sallyport_members_blocked ON sallyport_members (tenant, id) WHERE apps_blocked AND NOT purged;
CREATE INDEX sallyport_members_roles ON sallyport_members (tenant, id) WHERE roles <> '' AND NOT purged;
CREATE INDEX sallyport_members_deleted ON sallyport_members (tenant, deleted) WHERE deleted IS NOT NULL AND NOT purged;
CREATE INDEX sallyport_members_changed ON sallyport_members (changed);

-- Whose an external login is. It is in the account too.
CREATE TABLE sallyport_externals (
	tenant   text COLLATE "C" NOT NULL,
	external text COLLATE "C" NOT NULL,
	member   text COLLATE "C" NOT NULL,
	PRIMARY KEY (tenant, external)
);
CREATE INDEX sallyport_externals_member ON sallyport_externals (tenant, member);

CREATE TABLE sallyport_rosters (
	tenant  text COLLATE "C" PRIMARY KEY,
	version bigint NOT NULL
);

-- What was done to members, and what was refused.
CREATE TABLE sallyport_events (
	seq    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tenant text COLLATE "C" NOT NULL,
	id     text COLLATE "C" NOT NULL,
	change boolean NOT NULL, -- it came with a change, so that its id tells a repetition
	at     timestamptz NOT NULL,
	actor  text COLLATE "C" NOT NULL,
	member text COLLATE "C" NOT NULL,
	kind   text COLLATE "C" NOT NULL,
	event  jsonb NOT NULL
);
CREATE UNIQUE INDEX sallyport_events_change ON sallyport_events (tenant, id) WHERE change;
CREATE INDEX sallyport_events_at ON sallyport_events (tenant, at, seq);
CREATE INDEX sallyport_events_member ON sallyport_events (tenant, member, at, seq);
CREATE INDEX sallyport_events_actor ON sallyport_events (tenant, actor, at, seq);

CREATE TABLE sallyport_failures (
	tenant text COLLATE "C" NOT NULL,
	member text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	locked timestamptz,
	behind bigint NOT NULL,
	PRIMARY KEY (tenant, member)
);
CREATE INDEX sallyport_failures_locked ON sallyport_failures (tenant, member) WHERE locked IS NOT NULL;

-- Identity verifications: see package member/verify.
CREATE TABLE sallyport_verifications (
	tenant   text COLLATE "C" NOT NULL,
	member   text COLLATE "C" NOT NULL,
	revision text COLLATE "C" NOT NULL,
	until    timestamptz NOT NULL,
	record   jsonb NOT NULL,
	PRIMARY KEY (tenant, member)
);
CREATE INDEX sallyport_verifications_until ON sallyport_verifications (until);

-- A standby answers with what was: who asks one by mistake gets an error, and no session
-- that has ended meanwhile. STABLE, so that it is asked once, whatever rows there are.
-- +goose StatementBegin
CREATE FUNCTION sallyport_primary() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'sallyport: this server is a standby, which may be behind; connect to the primary' USING ERRCODE = 'read_only_sql_transaction';
	END IF;
	RETURN true;
END
$$;
-- +goose StatementEnd

-- Whatever program writes: within a line the number grows and no cut moves back.
-- +goose StatementBegin
CREATE FUNCTION sallyport_policy_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	old_cuts    jsonb := coalesce(OLD.record->'cuts', '[]');
	new_cuts    jsonb := coalesce(NEW.record->'cuts', '[]');
	old_members jsonb := coalesce(OLD.record->'member_cuts', '{}');
	new_members jsonb := coalesce(NEW.record->'member_cuts', '{}');
BEGIN
	IF NEW.tenant <> OLD.tenant THEN
		RAISE EXCEPTION 'sallyport: a record stays its tenant''s' USING ERRCODE = 'check_violation';
	END IF;
	IF NEW.line = OLD.line THEN
		IF NEW.number <= OLD.number THEN
			RAISE EXCEPTION 'sallyport: number % of a policy does not follow %', NEW.number, OLD.number USING ERRCODE = 'check_violation';
		END IF;
		IF OLD.deleted AND NOT NEW.deleted THEN
			RAISE EXCEPTION 'sallyport: a tenant that was deleted begins a new line' USING ERRCODE = 'check_violation';
		END IF;
		IF (old_cuts <> new_cuts OR old_members <> new_members) AND EXISTS (
			SELECT FROM (
				SELECT NULL AS member, old_cuts AS cuts
				UNION ALL
				SELECT m.key, m.value FROM jsonb_each(old_members) m
			) was, jsonb_array_elements(was.cuts) w, jsonb_array_elements(w.value->'clients') c
			WHERE NOT EXISTS (
				SELECT FROM jsonb_array_elements(new_cuts || coalesce(new_members->was.member, '[]')) n
				WHERE n.value->'clients' @> c.value AND (n.value->>'version')::bigint >= (w.value->>'version')::bigint
			)
		) THEN
			RAISE EXCEPTION 'sallyport: a cut of a policy moves back' USING ERRCODE = 'check_violation';
		END IF;
	END IF;
	NEW.changed := pg_current_xact_id();
	RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sallyport_policy_forward BEFORE UPDATE ON sallyport_policies
	FOR EACH ROW EXECUTE FUNCTION sallyport_policy_forward();

-- +goose StatementBegin
CREATE FUNCTION sallyport_member_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.tenant <> OLD.tenant OR NEW.id <> OLD.id THEN
		RAISE EXCEPTION 'sallyport: an account stays its member''s' USING ERRCODE = 'check_violation';
	END IF;
	IF NEW.line = OLD.line THEN
		IF NEW.number <= OLD.number THEN
			RAISE EXCEPTION 'sallyport: number % of an account does not follow %', NEW.number, OLD.number USING ERRCODE = 'check_violation';
		END IF;
		IF EXISTS (
			SELECT FROM jsonb_array_elements(coalesce(OLD.account->'cuts', '[]')) w, jsonb_array_elements(w.value->'clients') c
			WHERE NOT EXISTS (
				SELECT FROM jsonb_array_elements(coalesce(NEW.account->'cuts', '[]')) n
				WHERE n.value->'clients' @> c.value AND (n.value->>'version')::bigint >= (w.value->>'version')::bigint
			)
		) THEN
			RAISE EXCEPTION 'sallyport: a cut of an account moves back' USING ERRCODE = 'check_violation';
		END IF;
	END IF;
	NEW.changed := pg_current_xact_id();
	RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sallyport_member_forward BEFORE UPDATE ON sallyport_members
	FOR EACH ROW EXECUTE FUNCTION sallyport_member_forward();

-- Changes are told when they are committed. What is too long to be told is found by polling.
-- +goose StatementBegin
CREATE FUNCTION sallyport_tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	told text;
BEGIN
	IF TG_TABLE_NAME = 'sallyport_members' THEN
		told := json_build_array(TG_TABLE_SCHEMA, NEW.line, NEW.number, NEW.tenant, NEW.id)::text;
	ELSE
		told := json_build_array(TG_TABLE_SCHEMA, NEW.line, NEW.number, NEW.tenant)::text;
	END IF;
	IF octet_length(told) < 8000 THEN
		PERFORM pg_notify(TG_TABLE_NAME, told);
	END IF;
	RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sallyport_policy_told AFTER INSERT OR UPDATE ON sallyport_policies
	FOR EACH ROW EXECUTE FUNCTION sallyport_tell();
CREATE TRIGGER sallyport_member_told AFTER INSERT OR UPDATE ON sallyport_members
	FOR EACH ROW EXECUTE FUNCTION sallyport_tell();

-- A session leaves a visit, in the statement that creates it.
-- +goose StatementBegin
CREATE FUNCTION sallyport_visited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO sallyport_visits (seq, tenant, member, client, addr, country, device, system, verified, at)
	VALUES (NEW.seq, NEW.tenant, NEW.member, NEW.client, NEW.addr, NEW.country, NEW.device, NEW.system, NEW.verified, NEW.created);
	RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER sallyport_session_visited AFTER INSERT ON sallyport_sessions
	FOR EACH ROW EXECUTE FUNCTION sallyport_visited();

INSERT INTO sallyport_schema (version) VALUES (1);
