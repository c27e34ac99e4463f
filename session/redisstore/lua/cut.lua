-- kind, line, number, tenant, member or "", instant, clients: names or "all"
local function keep(name, number)
	local was, added = call('HGET', mark, name) or ';', ''
	local all = string.match(was, ';all=(%d+)@')
	for i = 11, #ARGV do
		local client = ARGV[i]
		local before = string.match(was, ';' .. client .. '=(%d+)@')
		-- A number never moves back.
		if not (before and not less(before, number)) and not (all and not less(all, number)) then
			was = string.gsub(was, ';' .. client .. '=%d+@%-?%d+', '')
			added = added .. ';' .. client .. '=' .. number .. '@' .. ARGV[10]
		end
	end
	if added ~= '' then
		call('HSET', mark, name, added .. was)
		return true
	end
end

local changed = keep(scope(ARGV[5], ARGV[6], ARGV[8], ARGV[9]), ARGV[7])
-- Sessions from before stamps are on line 0 with number 0, and older than any change.
if keep(scope(ARGV[5], '0', ARGV[8], ARGV[9]), '1') or changed then
	counted()
end
return done()
