/* Ways to divide samples among parts (data.partition), one row each: DDLA_PARTITION(partition, row)
 * is the file partition/row.c. See docs/howto/add-a-partition.md. */
DDLA_PARTITION(partition, files)
DDLA_PARTITION(partition, iid)
DDLA_PARTITION(partition, by_label)
DDLA_PARTITION(partition, dirichlet)
DDLA_PARTITION(partition, by_size)
DDLA_PARTITION(partition, by_key)
