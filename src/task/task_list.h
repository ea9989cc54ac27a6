/* Every task is one row here and one file of the same name beside this one. */
DDLA_TASK(image_classification)
DDLA_TASK(language_modelling)
