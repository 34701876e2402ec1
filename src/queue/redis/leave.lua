-- Takes a worker that has ended out of the books; its tickets count as done.
-- KEYS: its in-flight set, done, workers, its metadata. ARGV: its name.
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do redis.call('SADD', KEYS[2], id) end
redis.call('DEL', KEYS[1], KEYS[4])
return redis.call('ZREM', KEYS[3], ARGV[1])
