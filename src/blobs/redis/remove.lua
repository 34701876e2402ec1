-- Removes a blob. All its pieces but the last have one size.
-- KEYS: the blob, the sum of all blobs' bytes. ARGV: a piece's bytes.
local pieces = redis.call('LLEN', KEYS[1])
if pieces == 0 then return 0 end
local bytes = (pieces - 1) * ARGV[1] + #redis.call('LINDEX', KEYS[1], -1)
redis.call('DECRBY', KEYS[2], bytes)
return redis.call('DEL', KEYS[1])
