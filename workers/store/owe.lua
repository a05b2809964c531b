#!lua
-- Owes notices that no decision about a parcel makes: those to the owner. What was owed before is not owed twice.
-- ARGV: matter, then for each notice the eleven of commit.lua.  Returns the ids that are new.
local new = {}
for id in pairs(owe(ARGV[1], 2)) do new[#new + 1] = id end
return new
