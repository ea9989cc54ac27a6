/* Every model is one row here and one file of the same name beside this one. */
DDLA_MODEL(cnn)
DDLA_MODEL(mlp)
DDLA_MODEL(mlp_mixer)
DDLA_MODEL(transformer_decoder)
DDLA_MODEL(transformer_encoder)
DDLA_MODEL(resnet)
DDLA_MODEL(layers)
