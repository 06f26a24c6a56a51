//! Bringing a device up (section 5.1.5).

use atoll_pci::ConfigurationSpace;
use atoll_virtio::{
    DeviceKind, Dma, InterruptMessage, Registers, SplitQueue, Transport, VirtioError,
};

use crate::card::Started;
use crate::features::{Features, LEAST};
use crate::pair::Pair;
use crate::{Abilities, DriverError, Headers, Network};

/// A network device.
pub const NETWORK: DeviceKind = DeviceKind {
    name: "network",
    identifiers: [0x1041, 0x1000],
    configuration: LEAST,
};

/// The queues, section 5.1.2.
const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
/// Entries of the MSI-X table: that of both queues, and that of the configuration.
const QUEUES_ENTRY: u16 = 0;
const CONFIGURATION_ENTRY: u16 = 1;

/// What the device interrupts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vectors {
    /// For both queues.
    pub queues: InterruptMessage,
    /// For a change of the link; `None` where it is looked at now and then.
    pub configuration: Option<InterruptMessage>,
}

/// Finds the device, resets it and starts it with its queues in `dma`. The driver reads headers of received frames through `headers`.
///
/// # Errors
/// The device cannot be used. It has been reset where that was possible, and cannot write memory.
pub fn start<C: ConfigurationSpace, R: Registers, H: Headers>(
    space: C,
    registers: R,
    dma: Dma,
    vectors: Vectors,
    headers: H,
) -> Result<Network<Started<C, R>, H>, DriverError> {
    let set_up = |device: &mut Transport<C, R>| set_up(device, dma, vectors);
    let (transport, (pair, abilities, features)) =
        atoll_virtio::start(space, &NETWORK, registers, set_up)?;
    let device = Started {
        transport,
        features,
        vectors,
    };
    Ok(Network::with(device, headers, pair, abilities))
}

fn set_up<C: ConfigurationSpace, R: Registers>(
    device: &mut Transport<C, R>,
    dma: Dma,
    vectors: Vectors,
) -> Result<(Pair, Abilities, Features), DriverError> {
    let mut features = Features::accepted(device.begin()?, device.configuration_length());
    // What a driver decides by may be read before it accepts (section 3.1.1).
    let offered = device.configuration(|device| Abilities::read(device, features))?;
    if !offered.fits_a_page() {
        features -= Features::MTU;
    }
    device.accept(features.bits())?;
    let abilities = device.configuration(|device| Abilities::read(device, features))?;
    set_messages(device, vectors)?;
    let limits = [device.queue_limit(RECEIVE)?, device.queue_limit(TRANSMIT)?];
    let pair = Pair::new(dma, limits, &abilities)?;
    give_queues(device, pair.queues())?;
    device.run()?;
    Ok((pair, abilities, features))
}

/// Programs the interrupts, and allows the device to write memory.
pub(crate) fn set_messages<C: ConfigurationSpace, R: Registers>(
    device: &mut Transport<C, R>,
    vectors: Vectors,
) -> Result<(), VirtioError> {
    match vectors.configuration {
        Some(message) => device.set_messages(&[vectors.queues, message], Some(CONFIGURATION_ENTRY)),
        None => device.set_messages(&[vectors.queues], None),
    }
}

/// Gives the device its queues.
pub(crate) fn give_queues<C: ConfigurationSpace, R: Registers>(
    device: &mut Transport<C, R>,
    queues: [&SplitQueue; 2],
) -> Result<(), VirtioError> {
    for (number, queue) in [RECEIVE, TRANSMIT].into_iter().zip(queues) {
        device.set_queue(number, queue.size(), queue.addresses(), QUEUES_ENTRY)?;
    }
    Ok(())
}
