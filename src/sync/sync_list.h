/* Every strategy is one row here and one file of the same name beside this one. */
DDLA_STRATEGY(allreduce)
DDLA_STRATEGY(average)
DDLA_STRATEGY(diloco)
DDLA_STRATEGY(streaming)
DDLA_STRATEGY(elastic)
DDLA_STRATEGY(admm)
DDLA_STRATEGY(gradient)
DDLA_STRATEGY(sharded)
