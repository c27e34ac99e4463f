-- tenant, prefix, entry behind which it goes on, most to look at, instant or "", why,
-- member, device, via, clients, line and number of policy, of membership; session
local tenant, at, why = ARGV[5], ARGV[9], ARGV[10]
local member, device, via, clients = ARGV[11], ARGV[12], ARGV[13], ARGV[14]

local function older(line, number, of, than)
	return of == '' or line == '0' and number == '0' or line == of and less(number, than)
end

local function meant(s)
	return s.tenant == tenant and (member == '' or member == s.member) and (device == '' or device == s.device) and
		(via == '' or via == s.via) and (clients == 'all' or string.find(clients, ',' .. s.client .. ',', 1, true)) and
		older(s.pl, s.pn, ARGV[15], ARGV[16]) and older(s.ml, s.mn, ARGV[17], ARGV[18])
end

local n = 0
local function visit(s)
	if s.open and meant(s) then
		finish(s, at, why)
		n = n + 1
	end
end

local last = ''
if ARGV[19] ~= '' then
	local s = named(tenant, ARGV[19])
	if s then
		visit(s)
	end
else
	local found = call('ZRANGEBYLEX', list(tenant), '(' .. ARGV[6] .. ARGV[7], '(' .. ARGV[6] .. 'g', 'LIMIT', 0, ARGV[8])
	for _, entry in ipairs(found) do
		visit(listed(string.sub(entry, -32)))
	end
	if #found == tonumber(ARGV[8]) then
		last = string.sub(found[#found], -48)
	end
end
if n > 0 then
	counted()
end
return done(tostring(n), last)
