/* Every codec is one row here and one file of the same name beside this one. */
DDLA_CODEC(none)
DDLA_CODEC(bf16)
DDLA_CODEC(fp16)
DDLA_CODEC(int8)
DDLA_CODEC(int4)
DDLA_CODEC(sign)
DDLA_CODEC(topk)
DDLA_CODEC(topk2)
