-- Runs commands if every guard holds: a guard is a command and the reply it must give. A step that
-- was run before is not run again.
-- KEYS[1]: marks the step. KEYS[i + 1]: the key of the i-th command; guards come first.
-- ARGV: how many seconds the mark lasts; the number of guards; then for each command how many words
-- follow, its name and its arguments after the key; after a guard the reply expected, empty for none.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
local at = 3
local function command(i)
  local count = tonumber(ARGV[at])
  local words = { ARGV[at + 1], KEYS[i] }
  for n = 2, count do words[n + 1] = ARGV[at + n] end
  at = at + count + 1
  return words
end
local guards = tonumber(ARGV[2])
for i = 2, guards + 1 do
  local reply = redis.call(unpack(command(i)))
  if tostring(reply or '') ~= ARGV[at] then return 0 end
  at = at + 1
end
for i = guards + 2, #KEYS do redis.call(unpack(command(i))) end
redis.call('SET', KEYS[1], '', 'EX', ARGV[1])
return 1
