-- Removes a blob, unless it was put since. All its pieces but the last have one size.
-- KEYS: the blob, the sum of all blobs' bytes, when each blob was put.
-- ARGV: a piece's bytes; its name; the time since when nobody may have put it, empty for any.
local pieces = redis.call('LLEN', KEYS[1])
if pieces == 0 then return 0 end
local put = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or 0)
if ARGV[3] ~= '' and put >= tonumber(ARGV[3]) then return 0 end
local bytes = (pieces - 1) * ARGV[1] + #redis.call('LINDEX', KEYS[1], -1)
redis.call('DECRBY', KEYS[2], bytes)
redis.call('HDEL', KEYS[3], ARGV[2])
return redis.call('DEL', KEYS[1])
