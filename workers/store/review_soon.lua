#!lua
-- Brings the reviews of parcels forward to now: what the user says of them has changed. ARGV: parcel...
-- Only of parcels that are watched and were judged before: a new one is judged at its first look. Returns how many.
local sources = redis.call('SMEMBERS', P .. 'sources')
local moved = 0
for _, parcel in ipairs(ARGV) do
  local watched = false
  for _, source in ipairs(sources) do
    watched = watched or redis.call('ZSCORE', P .. 'due:' .. source, parcel)
  end
  if watched and redis.call('HEXISTS', P .. 'p:' .. parcel, 'ver') == 1 then
    redis.call('ZADD', P .. 'reviews', now, parcel)
    moved = moved + 1
  end
end
return moved
