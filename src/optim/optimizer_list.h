/* Every optimizer is one row here and one file of the same name beside this one. */
DDLA_OPTIMIZER(sgd)
DDLA_OPTIMIZER(adamw)
DDLA_OPTIMIZER(rmsprop)
DDLA_OPTIMIZER(lion)
DDLA_OPTIMIZER(lamb)
DDLA_OPTIMIZER(adafactor)
