-- What every script begins with. KEYS[1] is the mark of the store, a hash. ARGV[1] to
-- ARGV[3] are the line, the count of ends and the tag of the last end that the caller has
-- seen, "" where it has seen none; ARGV[4] is a tag for what this call writes. A script
-- has its own arguments from ARGV[5] on.
--
-- All keys of a store begin with the same hash tag and lie in one slot, so that a cluster
-- serves scripts that find keys by what they read:
--
--   mark      line, ends, tag; lost, if it is; n and a tenant: entries in its list; cuts;
--             e and a number: the tag of that end, of the last 1,000; after: a line that a
--             caller has seen, which the next one must come after
--   s: FIRST  a session, a hash, under the id that it began with
--   i: ID     that id, for a session that was renewed
--   x: TENANT the list of a tenant, by which the sessions of a member or a device are found
--   dies      sessions by the instant at which they die, or an earlier one
--   told      what was told to other processes, the last 10,000 of it

local mark = KEYS[1]
local call = redis.call

-- Whatever has been lost, or has gone back, is refused to everybody until a new line is drawn.
local function lose(why)
	call('HSET', mark, 'lost', why)
	error(redis.error_reply('LOST ' .. why))
end

local line, ends, tag, lost = unpack(call('HMGET', mark, 'line', 'ends', 'tag', 'lost'))
if not line then
	error(redis.error_reply('LOST the mark of the store is not there'))
end
local ahead = ARGV[1] ~= line and ARGV[1] ~= '' and tonumber(string.sub(ARGV[1], 1, 16)) >= tonumber(string.sub(line, 1, 16))
if ahead and ARGV[1] > (call('HGET', mark, 'after') or '') then
	call('HSET', mark, 'after', ARGV[1])
end
if lost then
	error(redis.error_reply('LOST ' .. lost))
end
if ARGV[1] == line then
	local seen = tonumber(ARGV[2])
	if tonumber(ends) < seen then
		lose('the data went back: a process has seen end ' .. ARGV[2] .. ', and the last is ' .. ends)
	elseif ends == ARGV[2] and tag ~= ARGV[3] or ends ~= ARGV[2] and (call('HGET', mark, 'e' .. ARGV[2]) or ARGV[3]) ~= ARGV[3] then
		lose('the data went back, and on another way: end ' .. ARGV[2] .. ' is not the one that a process has seen')
	end
elseif ahead then
	lose('the data went back to a line before the one that a process has seen')
end

-- 'sallyport' in braces, ':', the line, ':'. What is on another line is out of reach.
local base = string.sub(mark, 1, -5) .. line .. ':'

-- counted tells apart what the data is from now on: an end, a cut or a renewal was written.
local function counted()
	ends, tag = string.format('%.0f', call('HINCRBY', mark, 'ends', 1)), ARGV[4]
	call('HSET', mark, 'tag', tag, 'e' .. ends, tag)
	call('HDEL', mark, string.format('e%.0f', tonumber(ends) - 1000))
end

-- primary refuses on a replica, which may be behind and lacks ends then: a script that only
-- reads would be answered there. Nothing is deleted; it fails as a script that writes does.
local function primary()
	local denied = redis.pcall('DEL', base .. 'none')
	if type(denied) == 'table' and string.find(denied.err or '', '^READONLY') then
		error(denied)
	end
end

local function answer(...)
	return {line, ends, tag, ...}
end

-- done answers for a script that writes, also where it found nothing to write: a server that
-- takes no writes, as a replica or a primary that lacks its replicas, may not know what it
-- was asked to end. It comes last: a script that has deleted may add on a full server.
local function done(...)
	call('DEL', base .. 'none')
	return answer(...)
end

-- less compares decimal numbers of up to 64 bits, which are too large for Lua.
local function less(a, b)
	return #a < #b or #a == #b and a < b
end

-- scope names in the mark the cut of a tenant or of one of its members: kind is 'P', 'p'
-- (member, by the tenant's record) or 'm' (member, by the member's).
local function scope(kind, of, tenant, member)
	return kind .. of .. ':' .. #tenant .. ':' .. tenant .. member
end

-- cut returns the instant of a cut that ends a session, or nil.
local function cut(s)
	local found = call('HMGET', mark, scope('P', s.pl, s.tenant, ''), scope('p', s.pl, s.tenant, s.member), scope('m', s.ml, s.tenant, s.member))
	local numbers = {s.pn, s.pn, s.mn}
	for i = 1, 3 do
		if found[i] then
			for _, client in ipairs({s.client, 'all'}) do
				local number, at = string.match(found[i], ';' .. client .. '=(%d+)@(%-?%d+)')
				if number and less(numbers[i], number) then
					return at
				end
			end
		end
	end
end

-- load reads a session by the id that it began with; nil if there is none. A cut ends it as
-- if it had been ended then.
local function load(first)
	local v, s = call('HMGET', base .. 's:' .. first, unpack(fields)), {}
	if not v[1] then
		return nil
	end
	for i, name in ipairs(fields) do
		s[name] = v[i] or ''
	end
	s.key, s.open = base .. 's:' .. first, s.ended == ''
	if s.open then
		local at = cut(s)
		if at then
			s.ended, s.why = at, 'sign-out'
		end
	end
	return s
end

-- listed reads a session that must be there.
local function listed(first)
	return load(first) or lose('a session is not there')
end

-- find reads a session of a tenant by its id of now; nil if there is none.
local function find(tenant, id)
	local first = call('GET', base .. 'i:' .. id)
	local s
	if first then
		s = listed(first)
	else
		s = load(id)
	end
	if s and s.tenant == tenant and s.id == id then
		return s
	end
end

-- named reads a session of a tenant by its id or by the one that it began with.
local function named(tenant, id)
	local s = find(tenant, id) or load(id)
	return s and s.tenant == tenant and s or nil
end

-- used reports whether a session has an id or began with it.
local function used(id)
	return call('EXISTS', base .. 's:' .. id, base .. 'i:' .. id) > 0
end

-- values returns a session as the caller reads it.
local function values(s)
	local v = {}
	for i, name in ipairs(fields) do
		v[i] = s[name]
	end
	return v
end

local function limit(text)
	return tonumber(string.match(text, '^%d+'))
end

-- dies returns the instant from which a session is dead, or nil. Instants and limits are
-- microseconds, and exact below 2^53: until the year 2255.
local function dies(s)
	local at
	local function earlier(other)
		if not at or other < at then
			at = other
		end
	end
	if s.ended ~= '' then
		earlier(tonumber(s.ended))
	end
	if s.idle ~= '' then
		earlier(tonumber(s.seen) + limit(s.idle))
	end
	if s.life ~= '' then
		earlier(tonumber(s.created) + limit(s.life))
	end
	return at
end

local function live(s, at)
	local dead = dies(s)
	return s.ended == '' and (not dead or tonumber(at) < dead)
end

-- finish ends a session. Without an instant, by a caller who forgot it, it is not spared.
local function finish(s, at, why)
	if at == '' then
		at = s.created
	end
	s.ended, s.why, s.open = at, why, false
	call('HSET', s.key, 'ended', at, 'why', why)
	call('ZADD', base .. 'dies', dies(s), s.first)
end

-- entries are the places of a session in the list of its tenant: among all, among those of
-- its member and of its device. They end with when it was created, in 16 characters that
-- sort, and the 32 bytes of the id that it began with.
local function prefix(kind, name)
	return kind .. string.format('%04x', #name) .. name
end

local function entries(s)
	local place = s.place .. s.first
	local e = {'T' .. place, prefix('M', s.member) .. place}
	if s.device ~= '' then
		e[3] = prefix('D', s.device) .. place
	end
	return e
end

-- list returns the name of the list of a tenant. It has as many entries as the mark says,
-- or else some were lost and sessions would be passed over.
local function list(tenant)
	local name = base .. 'x:' .. tenant
	if string.format('%.0f', call('ZCARD', name)) ~= (call('HGET', mark, 'n' .. tenant) or '0') then
		lose('the list of sessions of a tenant is not whole')
	end
	return name
end
