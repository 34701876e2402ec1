-- Puts an uploaded blob in its place, if there is room and nobody was faster.
-- KEYS: the upload, the blob, the sum of all blobs' bytes. ARGV: its bytes; the most in all.
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('DEL', KEYS[1])
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
return 'kept'
