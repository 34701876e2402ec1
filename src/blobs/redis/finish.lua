-- Puts an uploaded blob in its place, if there is room and nobody was faster.
-- KEYS: the upload, the blob, the sum of all blobs' bytes, when each blob was put.
-- ARGV: its bytes; the most in all; its name.
local function touch()
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[4], ARGV[3], time[1] * 1000 + math.floor(time[2] / 1000))
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('DEL', KEYS[1])
  touch()
  return 'kept'
end
local bytes = tonumber(redis.call('GET', KEYS[3]) or 0)
if bytes + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  return 'full'
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'lost' end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('INCRBY', KEYS[3], ARGV[1])
touch()
return 'kept'
