/* Waking a consumer that died and came back: the asleep word of clusters/channel over two generations.
 *
 * A producer that lives sends messages to a consumer that may die at any step and come back once. The words that one
 * leaves for the other carry the channel's generation, here the consumer's incarnation alone (0, 1 for dead, 2).
 *
 * Checked: the consumer that lives in the end sees every message of its own generation; it never blocks for ever with
 * one of them published (an invalid end state).
 *
 * Memory: as in doorbell.pml for the producer; the consumer's few words are exchanged, or fenced, at once.
 *
 * Each of these makes it fail:
 *   SWAP         Sender::take_wake takes the asleep word by exchange, whatever it says, and not by comparison
 *   NO_RETURN    the producer, which has to begin anew, is not rung when the consumer comes back
 *   NO_RECHECK   Receiver::arm without the second look
 */

#define MESSAGES 2	/* of each generation */

#define STAMP(generation, value) ((generation) * 8 + (value))

byte slot;		/* Stamp of the last message: one slot stands for all. */
byte asleep;
byte incarnation;	/* The consumer's. */

/* Stores of the producer that are under way: slot stamps only. */
chan stores = [2] of { byte };

bit bell;		/* The consumer's doorbell. */
bit producer_bell;	/* The producer's. */
bit dying;

active proctype memory_system()
{
end:	do
	:: d_step { stores ? slot }
	od
}

active proctype fate()
{
	if
	:: dying = 1
	:: skip
	fi
}

active proctype producer()
{
	byte generation, sent, word;
	bit woke;

	do
	/* Receiver::peer_changed, then Endpoint::reattach. */
	:: incarnation != generation ->
		if
		:: incarnation % 2 == 0 ->
seen_reattached:		d_step { generation = incarnation; sent = 0 }
		:: else ->
			/* The consumer is dead: nothing is sent until the producer is rung. */
seen_dead:		skip;
end_dead:		producer_bell -> producer_bell = 0
		fi
	:: else ->
		if
		:: sent == MESSAGES ->
			/* Nothing more to send in this generation: asleep until the producer's doorbell rings. */
end_idle:		producer_bell -> producer_bell = 0
		:: sent < MESSAGES ->
			/* Staged::publish. */
			sent++;
			stores ! STAMP(generation, sent);
			/* Sender::take_wake. */
			empty(stores);
			word = asleep;
			woke = 0;
			if
			:: word != STAMP(generation, 1) -> skip
			:: else ->
				d_step {
					woke = (asleep == STAMP(generation, 1));
#ifdef SWAP
					asleep = STAMP(generation, 0)
#else
					if
					:: woke -> asleep = STAMP(generation, 0)
					:: else
					fi
#endif
				};
				if
				:: woke ->
seen_rung:				bell = 1
				:: else ->
seen_too_late:				skip
				fi
			fi;
			word = 0
		fi
	od
}

active proctype consumer()
{
	byte generation, received;

attach:	{
		do
		:: received == MESSAGES -> break
		/* Receiver::receive of all that is there. */
		:: received < MESSAGES && slot / 8 == generation && slot % 8 > received ->
			received = slot % 8
		:: else ->
			/* Receiver::arm. */
			asleep = STAMP(generation, 1);
			if
#ifndef NO_RECHECK
			:: slot / 8 == generation && slot % 8 > received ->
seen_refused:			skip
#endif
			:: else ->
seen_blocked:			bell -> bell = 0
			fi;
			/* Receiver::disarm. */
			asleep = STAMP(generation, 0)
		od;
		goto done
	} unless { dying -> skip };
	/* The supervisor: announce_lost, which the producer need not see at once; then the side comes back or not. */
	d_step { dying = 0; received = 0; incarnation = 1 };
	producer_bell = 1;
	if
	:: goto gone
	:: skip
	fi;
	/* Endpoint::attach_again, after which the peer is rung. */
	d_step { generation = 2; incarnation = 2 };
#ifndef NO_RETURN
	producer_bell = 1;
#endif
seen_back: goto attach;
gone:
seen_gone: skip;
done:	skip
}
