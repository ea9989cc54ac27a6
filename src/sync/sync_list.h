/* Every strategy is one row here and one file of the same name beside this one. */
DDLA_STRATEGY(allreduce)
DDLA_STRATEGY(sharded)
