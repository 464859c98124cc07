/* Request-URIs of strangers that claim to be GRUUs. */
#include "pbx/gruu.h"

#include "base/test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pbx_gruus *gruus;
	static struct rng rng;
	char name[USER_NAME_MAX];
	struct pbx_gruu gruu;
	struct sip_uri uri;
	struct buf b;

	if (!gruus) {
		rng_seeded(&rng, 1);
		gruus = pbx_gruus_new((const uint8_t *)"key", 3, &rng);
	}
	buf_init(&b, name, sizeof(name));
	if (gruus && !sip_uri_parse(str_of((const char *)data, size), &uri) && pbx_gruu_is(&uri) &&
	    !pbx_gruu_read(gruus, &uri, &gruu, &b) && gruu.temporary)
		__builtin_trap(); /* nobody guesses one */
	return 0;
}
