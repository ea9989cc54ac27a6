/* Every op is one row here and one file of the same name beside this one. */
DDLA_OP(linear)
DDLA_OP(conv2d)
DDLA_OP(max_pool)
DDLA_OP(relu)
DDLA_OP(dropout)
DDLA_OP(reshape)
DDLA_OP(cross_entropy)
