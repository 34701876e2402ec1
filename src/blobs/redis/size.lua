-- A blob's bytes. All its pieces but the last have one size.
-- KEYS: the blob. ARGV: a piece's bytes.
local pieces = redis.call('LLEN', KEYS[1])
if pieces == 0 then return 0 end
return (pieces - 1) * ARGV[1] + #redis.call('LINDEX', KEYS[1], -1)
