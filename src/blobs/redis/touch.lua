-- Dates a blob that is put again; answers whether it is there.
-- KEYS: the blob, when each blob was put. ARGV: its name.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], ARGV[1], time[1] * 1000 + math.floor(time[2] / 1000))
return 1
