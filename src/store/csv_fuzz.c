#include "store/csv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct store_csv csv;
	struct store_csv_row row;
	enum err err;

	if (!text)
		return 0;
	memcpy(text, data, n);
	store_csv_start(&csv, str_of(text, n));
	while ((err = store_csv_next(&csv, &row)) != ERR_ABSENT)
		if (err == ERR_NONE && (row.name.p < text || row.name.n + row.password.n + row.disabled.n > n))
			abort();
	free(text);
	return 0;
}
