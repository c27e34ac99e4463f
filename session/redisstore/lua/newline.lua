-- KEYS[1]: the mark. ARGV: the line that the caller has seen last or "", random text
local was = redis.call('HMGET', KEYS[1], 'line', 'after')
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
for _, line in ipairs({was[1] or '', was[2] or '', ARGV[1]}) do
	if line ~= '' then
		at = math.max(at, tonumber(string.sub(line, 1, 16)) + 1)
	end
end
redis.call('UNLINK', KEYS[1])
local line = string.format('%016.0f', at) .. '-' .. ARGV[2]
redis.call('HSET', KEYS[1], 'line', line, 'ends', '0', 'tag', ARGV[2])
return line
