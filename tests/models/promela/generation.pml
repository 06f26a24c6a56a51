/* Incarnations: a channel of clusters/channel whose sides die at any step and come back, or do not.
 *
 * A client keeps up to two calls with a server. Each side has an incarnation word, even while it is alive and odd while
 * it is dead; the generation of the channel is their sum, and every word that one side leaves for the other carries it.
 *
 * Checked: nothing of an old generation is accepted, and nothing that is partly new; each call of a client that lives
 * ends exactly once, with its answer or as lost (one that never ends is an invalid end state); nothing that an honest
 * peer leaves behind is taken for misbehaviour.
 *
 * Memory: as in doorbell.pml. What a side that died had in its store buffer reaches memory later. Two things are assumed
 * of the supervisor that starts a side again, and are twins below: that the old one's stores have all reached memory by
 * then (stopping a core or thread does that), and that its death was announced.
 *
 * Left out: doorbells (waiting is a guard), see doorbell.pml; generations that wrap.
 *
 * Each of these makes it fail:
 *   NO_GENERATION_CHECK  Receiver::ready takes a slot by its index alone
 *   NO_INDEX_CHECK       Sender::free takes the consumer's index of any generation
 *   NO_SECOND_LOOK       Receiver::torn never is: a message is accepted without a look at the producer's word after it
 *                        was read
 *   NO_LOSS              the client does not end its calls when its peer has changed
 *   DOUBLE_LOSS          the client ends calls as lost and keeps them
 *   NO_RETURN_FENCE      Endpoint::attach_again without its fence
 *   LATE_STORES          a side is started again while stores of its old incarnation are under way
 *   UNANNOUNCED          the supervisor does not say that a side died, and it does not come back
 */

#ifndef DEATHS
#define DEATHS 2	/* of both sides together */
#endif
#ifndef CALLS
#define CALLS 2		/* of each incarnation of the client */
#endif

#define CAPACITY 2
#define CREDITS 2
#define CLIENT 0
#define SERVER 1

/* Addresses. Ring r is the one that side r produces. */
#define WORD(side)         (side)
#define SEQUENCE(r, index) (2 + CAPACITY * (r) + (index) % CAPACITY)
#define PAYLOAD(r, index)  (2 + 2 * CAPACITY + CAPACITY * (r) + (index) % CAPACITY)
#define CONSUMED(r)        (2 + 4 * CAPACITY + (r))

/* A word with the generation in its upper bits. */
#define MAKE(generation, value) ((generation) * 16 + (value))
#define GENERATION(word)        ((word) / 16)
#define VALUE(word)             ((word) % 16)

byte memory[4 + 4 * CAPACITY];

/* Store buffers: of each side the present incarnation's, and the one's before. */
chan stores[4] = [4] of { byte, byte };
#define own (2 * me + parity)

bit dying[2];
byte deaths;
#ifdef UNANNOUNCED
#define announced 0
#else
#define announced 1
#endif

active proctype memory_system()
{
	byte address, value, b;
end:	do
	:: nempty(stores[0]) -> d_step { stores[0] ? address, value; memory[address] = value; address = 0; value = 0 }
	:: nempty(stores[1]) -> d_step { stores[1] ? address, value; memory[address] = value; address = 0; value = 0 }
	:: nempty(stores[2]) -> d_step { stores[2] ? address, value; memory[address] = value; address = 0; value = 0 }
	:: nempty(stores[3]) -> d_step { stores[3] ? address, value; memory[address] = value; address = 0; value = 0 }
	od
}

/* Kills either side between any two of its steps. */
active proctype fate()
{
	do
	:: d_step { deaths < DEATHS && !dying[CLIENT] -> deaths++; dying[CLIENT] = 1 }
	:: d_step { deaths < DEATHS && !dying[SERVER] -> deaths++; dying[SERVER] = 1 }
	:: break
	od
}

/* Endpoint::peer_changed. */
#define peer_changed (memory[WORD(peer)] != known)
#define alive(word)  ((word) % 2 == 0)

/* Endpoint::attach, and the second half of attach_again and of reattach: one load of a word that is shared. */
inline adopt()
{
	d_step {
		known = memory[WORD(peer)];
		generation = incarnation + known;
		produced = 0;
		received = 0;
		freed = 0
	}
}

/* The supervisor: says that a side died (announce_lost), and lets it come back or not. */
inline die()
{
	d_step {
		dying[me] = 0;
		known = 0; generation = 0; produced = 0; received = 0; freed = 0; found = 0; message = 0
	};
	d_step {
		incarnation++;
		if
		:: announced -> memory[WORD(me)] = incarnation
		:: else
		fi
	};
	if
	:: goto gone
	:: skip
	fi;
	/* Endpoint::attach_again: raises the word first, with a full fence before it reads the peer's. */
	atomic {
#ifndef LATE_STORES
		empty(stores[own]);
#endif
		parity = 1 - parity;
		incarnation++;
		stores[own] ! WORD(me), incarnation
	};
#ifndef NO_RETURN_FENCE
	empty(stores[own]);
#endif
	goto attach
}

/* Receiver::ready: the next message of this generation is there. */
#ifdef NO_GENERATION_CHECK
#define ready (VALUE(memory[SEQUENCE(peer, received)]) == received + 1)
#else
#define ready (memory[SEQUENCE(peer, received)] == MAKE(generation, received + 1))
#endif

/* What is in the slot now, if not the next message: of another generation, or of the lap before. */
#define possible \
	(GENERATION(memory[SEQUENCE(peer, received)]) != generation || ready || \
	VALUE(memory[SEQUENCE(peer, received)]) == (received + 1 > CAPACITY -> received + 1 - CAPACITY : 0))

/* Receiver::receive (peek, torn, consume) of a message that is ready: accepted is whether it was taken. */
inline receive()
{
	message = memory[PAYLOAD(peer, received)];
	d_step {
#ifdef NO_SECOND_LOOK
		accepted = 1;
#else
		accepted = !peer_changed;
#endif
		if
		:: accepted ->
			assert(GENERATION(message) == generation);
			received++
		:: else
		fi
	};
	if
	:: accepted -> stores[own] ! CONSUMED(peer), MAKE(generation, received)
	:: else ->
seen_torn:	message = 0
	fi
}

/* Sender::send. An honest pair with credits never fills the ring. */
inline send(what)
{
	/* Sender::free: one load. */
	d_step {
		found = memory[CONSUMED(me)];
		if
#ifdef NO_INDEX_CHECK
		:: true ->
#else
		:: GENERATION(found) == generation ->
#endif
			assert(VALUE(found) >= freed && VALUE(found) <= produced);
			freed = VALUE(found)
		:: else
		fi;
		found = 0;
		assert(produced - freed < CAPACITY)
	};
	/* Sender::stage, then Staged::publish: death between them has said nothing. */
	stores[own] ! PAYLOAD(me, produced), MAKE(generation, what);
	atomic { stores[own] ! SEQUENCE(me, produced), MAKE(generation, produced + 1); produced++ }
}

active proctype server()
{
	byte me = SERVER, peer = CLIENT;
	byte known, generation, produced, received, freed, found, message, incarnation;
	bit parity, accepted;

attach:	{
		adopt();
end:		do
		:: !possible -> assert(false)
		:: ready ->
			receive();
			if
			:: accepted ->
				send(VALUE(message));
seen_served:			d_step { accepted = 0; message = 0 }
			:: else
			fi
		:: peer_changed && alive(memory[WORD(peer)]) ->
			/* The provider forgets what the client has open, then Endpoint::reattach. */
			adopt();
seen_server_reattaches:	skip
		od
	} unless { dying[me] -> skip };
	die();
gone:
seen_server_gone: skip
}

active proctype client()
{
	byte me = CLIENT, peer = SERVER;
	byte known, generation, produced, received, freed, found, message, incarnation;
	bit parity, accepted;
	/* Calls: submitted and not ended, by tag; how many were made, and how many ended. */
	bit submitted[CREDITS];
	byte made, ended, tag;

attach:	{
		adopt();
		do
		:: ended == CALLS -> break
		:: !possible -> assert(false)
		:: made < CALLS && !(submitted[0] && submitted[1]) ->
			d_step { tag = (submitted[0] -> 1 : 0); made++; submitted[tag] = 1 };
			if
			:: alive(known) ->
				send(tag + 1)
			:: else ->
				/* The channel is closed: the call ends at once. */
				d_step { submitted[tag] = 0; ended++ };
seen_refused:			skip
			fi;
			tag = 0
		:: ready ->
			receive();
			if
			:: accepted ->
				d_step {
					tag = VALUE(message) - 1;
					assert(submitted[tag]);
					submitted[tag] = 0;
					ended++;
					tag = 0
				};
seen_answered:			d_step { accepted = 0; message = 0 }
			:: else
			fi
		:: peer_changed ->
			/* Channel::lose: each call ends as lost. */
			if
			:: submitted[0] || submitted[1] ->
#ifndef NO_LOSS
				d_step {
					ended = ended + submitted[0] + submitted[1];
#ifndef DOUBLE_LOSS
					submitted[0] = 0; submitted[1] = 0
#endif
				};
#endif
seen_lost:			skip
			:: else
			fi;
			/* Endpoint::reattach; while the peer is dead the channel stays closed. */
			adopt();
			if
			:: alive(known) ->
seen_client_reattaches:		skip
			:: else ->
seen_peer_dead:			skip
			fi
		od;
		assert(made == CALLS && !submitted[0] && !submitted[1]);
		goto done
	} unless { dying[me] -> skip };
	d_step { submitted[0] = 0; submitted[1] = 0; made = 0; ended = 0; tag = 0; accepted = 0 };
	die();
gone:
seen_client_gone: skip;
done:	skip
}
