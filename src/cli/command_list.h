/* Every command is one row here and one file of the same name beside this one. */
DDLA_COMMAND(train)
DDLA_COMMAND(eval)
DDLA_COMMAND(predict)
DDLA_COMMAND(why)
DDLA_COMMAND(info)
DDLA_COMMAND(doctor)
DDLA_COMMAND(bench)
