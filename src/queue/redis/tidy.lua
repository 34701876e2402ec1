-- Makes tickets available at once, and removes what apalis keeps for ever.
-- KEYS: data, meta prefix, done, dead, active, scheduled, workers, in-flight prefix, worker
-- metadata prefix. ARGV: the most tickets to remove from each set; seconds after which a worker
-- that does not beat is gone.

-- A pushed ticket is scheduled for the pusher's "now", which a clock that is behind calls future.
local scheduled = redis.call('ZRANGE', KEYS[6], 0, 999)
for _, id in ipairs(scheduled) do
  redis.call('ZREM', KEYS[6], id)
  redis.call('RPUSH', KEYS[5], id)
end

local function leave(worker)
  local inflight = KEYS[8] .. ':' .. worker
  for _, id in ipairs(redis.call('SMEMBERS', inflight)) do redis.call('SADD', KEYS[3], id) end
  redis.call('DEL', inflight, KEYS[9] .. ':' .. worker)
  redis.call('ZREM', KEYS[7], worker)
end
local oldest = redis.call('TIME')[1] - ARGV[2]
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', oldest)) do leave(worker) end

local busy = {}
for _, worker in ipairs(redis.call('ZRANGE', KEYS[7], 0, -1)) do
  for _, id in ipairs(redis.call('SMEMBERS', KEYS[8] .. ':' .. worker)) do busy[id] = true end
end
for _, id in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do busy[id] = true end
for _, set in ipairs({ KEYS[3], KEYS[4] }) do
  for _, id in ipairs(redis.call('SRANDMEMBER', set, ARGV[1])) do
    if not busy[id] then
      redis.call('SREM', set, id)
      redis.call('HDEL', KEYS[1], id)
      redis.call('DEL', KEYS[2] .. ':' .. id)
    end
  end
end
return #scheduled
