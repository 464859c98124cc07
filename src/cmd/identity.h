/*
 * cmd/identity.h - who a phone or an edge is: its account at a SIP server, its node on the peer network.
 *
 * Reads passwords, folders and descriptors and says what is wrong with them. Every function that
 * returns int gives an exit code (EXIT_OK: fine) and has said why not. Blocking; before the loops run.
 */
#ifndef CMD_IDENTITY_H
#define CMD_IDENTITY_H

#include "cmd/command.h"
#include "cmd/home.h"
#include "connect/peer_road.h"
#include "io/driver.h"
#include "io/keeper_line.h"

struct tls_settings;

/* The first line of a file, without blanks around it; an empty path leaves out empty. */
int identity_password(const struct command *, str path, char *out, size_t cap);
/* Our own address towards `remote`, or (NULL or unset) towards everyone; loopback where there is no other. */
struct addr identity_own_address(const struct addr *remote);
/* A credential set in the driver that trusts the certificates of this file, or the system's. */
int identity_trust(const struct command *, struct driver *, str ca_file, uint16_t *number);
/* One to open flows of the peer network with. 0: said why. */
uint16_t identity_peer_tls(const struct command *, struct driver *);

/* "sip:USER@HOST[:PORT][;transport=..]" */
struct identity_account {
	str user, domain; /* in the text that was read */
	enum transport transport;
	struct addr server; /* family 0: the host is a name */
	char proxy[300];    /* "host[:port]" */
};
int identity_account(const struct command *, const char *setting, str text, struct identity_account *out);

/* The name of the device that `owner` is in the folder `data` (home_instance), which is made where it is not there. */
int identity_instance(const struct command *, const struct clock *, const struct log *, str data, const char *owner,
		      char out[HOME_INSTANCE_N]);

struct identity_node_setup {
	const struct command *command;
	const struct clock *clock;
	const struct log *log;
	struct rng *rng;
	struct driver *driver;
	struct keeper_line *line; /* gets the keeper */
	str data, network;        /* network empty: DIR/network.json */
	str name, password;
	uint32_t capabilities;
};

struct identity_node {
	struct overlay_network network;
	struct peer_road *road;
	char owner[96];   /* of its state at the keeper */
	struct home home; /* private */
	struct buf state;
	bool is_open;
};

/* Opens the folder and makes a road of what is there. On failure it may be half open: stop and free it. */
int identity_node(struct identity_node *, const struct identity_node_setup *);
/* Addresses for media with peers, the best first: ours towards the super nodes (which may be on this very machine),
 * then all others of the machine. */
size_t identity_media_addrs(const struct identity_node *, struct addr *out, size_t cap);
/* Before driver_free. */
void identity_node_stop(struct identity_node *);
/* After the agent. Both: a zeroed struct is fine. */
void identity_node_free(struct identity_node *);

#endif
