//! Makes the types of interfaces and calls from the rows that name them.

macro_rules! interfaces {
    ($(
        $(#[$interface_meta:meta])*
        interface $interface:ident as $calls:ident {
            $(
                $(#[$call_meta:meta])*
                $call:ident = $number:literal, block $block:ident, {
                    $($(#[$field_meta:meta])* $field:ident: $type:ty = $place:ident $([$index:literal])?,)*
                }
            )*
        }
    )*) => {
        /// A set of calls that one component serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Interface {
            $($(#[$interface_meta])* $interface,)*
        }

        /// What a [`Syscall`] asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Call {
            $($($(#[$call_meta])* $call = $number,)*)*
        }

        impl Call {
            /// Every call, for tables and tests.
            pub const ALL: &'static [Call] = &[$($(Call::$call,)*)*];

            /// The call that a peer named, or `None` where there is no such call.
            #[inline]
            pub const fn from_raw(raw: u16) -> Option<Call> {
                match raw {
                    $($($number => Some(Call::$call),)*)*
                    _ => None,
                }
            }

            /// The interface that the call belongs to.
            #[inline]
            pub const fn interface(self) -> Interface {
                match self {
                    $($(Call::$call => Interface::$interface,)*)*
                }
            }

            /// What the call does with its block.
            #[inline]
            pub const fn block_use(self) -> BlockUse {
                match self {
                    $($(Call::$call => BlockUse::$block,)*)*
                }
            }
        }

        /// The fields of each call.
        pub mod request {
            use super::*;

            $($(
                $(#[$call_meta])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub struct $call {
                    $($(#[$field_meta])* pub $field: $type,)*
                }

                impl Request for $call {
                    const CALL: Call = Call::$call;

                    #[inline]
                    fn encode(&self) -> Syscall {
                        #[allow(unused_mut, reason = "not every call has fields")]
                        let mut syscall = Syscall {
                            call: Call::$call as u16,
                            ..Syscall::EMPTY
                        };
                        $(syscall.$place $([$index])? = Field::to_raw(&self.$field);)*
                        syscall
                    }

                    #[inline]
                    fn decode(syscall: &Syscall) -> Result<$call, Status> {
                        let _ = syscall;
                        Ok($call { $($field: Field::from_raw(syscall.$place $([$index])?)?,)* })
                    }
                }
            )*)*
        }

        $(
            /// A call of this interface, decoded.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $calls {
                $($(#[$call_meta])* $call(request::$call),)*
            }

            impl $calls {
                /// The call that a client sent, its fields checked.
                ///
                /// # Errors
                /// The status that the call ends with: [`Status::UnknownCall`] where there is no such call,
                /// [`Status::NotAllowed`] where it is one of another interface, or what its fields lead to.
                ///
                /// Always inlined: the one who serves a call then has its fields in registers, and looks at its number once.
                #[inline(always)]
                pub fn decode(syscall: &Syscall) -> Result<$calls, Status> {
                    match Call::from_raw(syscall.call) {
                        $(Some(Call::$call) => request::$call::decode(syscall).map($calls::$call),)*
                        Some(_) => Err(Status::NotAllowed),
                        None => Err(Status::UnknownCall),
                    }
                }
            }
        )*
    };
}
