//! Our own rights, and giving them up.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

/// Keeps these capabilities, as far as we have them, and gives up all others for good.
pub(crate) fn keep(wanted: CapabilitySet) {
    let _ = set_no_new_privs(true);
    if let Ok(own) = capabilities(None) {
        let kept = own.permitted & wanted;
        let _ = set_capabilities(
            None,
            CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
        );
    }
}
