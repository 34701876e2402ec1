-- Removes all tickets: a damaged one kills every worker that fetches it. Workers stay registered.
-- KEYS: data, meta prefix, done, dead, active, scheduled, workers, in-flight prefix, signal.
local function kind(key) return redis.call('TYPE', key).ok end
local function burn(ids)
  for _, id in ipairs(ids) do redis.call('DEL', KEYS[2] .. ':' .. id) end
end
if kind(KEYS[1]) == 'hash' then burn(redis.call('HKEYS', KEYS[1])) end
if kind(KEYS[5]) == 'list' then burn(redis.call('LRANGE', KEYS[5], 0, -1)) end
if kind(KEYS[6]) == 'zset' then burn(redis.call('ZRANGE', KEYS[6], 0, -1)) end
if kind(KEYS[7]) == 'zset' then
  for _, worker in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do
    local inflight = KEYS[8] .. ':' .. worker
    if kind(inflight) == 'set' then burn(redis.call('SMEMBERS', inflight)) end
    redis.call('DEL', inflight)
  end
else
  redis.call('DEL', KEYS[7])
end
return redis.call('DEL', KEYS[1], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[9])
