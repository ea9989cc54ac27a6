/* Every layer that is more than an op is one row here and the file layers/NAME.c. */
DDLA_LAYER(layers, conv2d)
DDLA_LAYER(layers, linear)
DDLA_LAYER(layers, flatten)
DDLA_LAYER(layers, reshape)
DDLA_LAYER(layers, permute)
DDLA_LAYER(layers, bias)
DDLA_LAYER(layers, dropout)
DDLA_LAYER(layers, residual)
