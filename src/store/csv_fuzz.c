#include "store/csv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct store_csv csv;
	str name, password;
	enum err err;

	if (!text)
		return 0;
	memcpy(text, data, n);
	store_csv_start(&csv, str_of(text, n));
	while ((err = store_csv_next(&csv, &name, &password)) != ERR_ABSENT)
		if (err == ERR_NONE && (name.p < text || name.n + password.n > n))
			abort();
	free(text);
	return 0;
}
