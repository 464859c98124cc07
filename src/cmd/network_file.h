/*
 * cmd/network_file.h - the descriptor of a peer network, as a JSON file.
 *
 * All that a node must be given to take part (docs/wire/overlay.md, Descriptor): nothing in
 * it is secret. The login service writes it; nodes, phones and edges read it.
 */
#ifndef CMD_NETWORK_FILE_H
#define CMD_NETWORK_FILE_H

#include "base/buf.h"
#include "overlay/identity.h"

/* ERR_SYNTAX, with one sentence in *why for the person ("network: no \"authority\""). */
MUST_CHECK enum err network_parse(str json, struct overlay_network *out, struct buf *why);
void network_write(const struct overlay_network *, struct buf *out);

/* The same from and to a file. ERR_ABSENT, ERR_SYNTAX, ERR_IO ..., always with a sentence in *why. */
MUST_CHECK enum err network_read_file(const char *path, struct overlay_network *out, struct buf *why);
MUST_CHECK enum err network_write_file(const char *path, const struct overlay_network *, struct buf *why);

#endif
