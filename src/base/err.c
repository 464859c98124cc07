#include "base/err.h"

const char *err_text(enum err err)
{
	switch (err) {
	case ERR_NONE:
		return "no error";
	case ERR_MORE:
		return "more bytes are needed";
	case ERR_SYNTAX:
		return "malformed";
	case ERR_LIMIT:
		return "larger than the limit";
	case ERR_FULL:
		return "no room left";
	case ERR_MEMORY:
		return "out of memory";
	case ERR_ABSENT:
		return "not there";
	case ERR_EXISTS:
		return "there already";
	case ERR_REFUSED:
		return "refused";
	case ERR_EXPIRED:
		return "expired";
	case ERR_FORGED:
		return "signature or integrity check failed";
	case ERR_UNSUPPORTED:
		return "not supported";
	case ERR_STATE:
		return "not possible in this state";
	case ERR_BUSY:
		return "busy";
	case ERR_TIMEOUT:
		return "no answer in time";
	case ERR_CLOSED:
		return "closed by the other side";
	case ERR_UNREACHABLE:
		return "unreachable";
	case ERR_IO:
		return "input or output failed";
	}
	return "unknown error";
}
