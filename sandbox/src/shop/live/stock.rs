//! Goods arrive and leave.

use super::{AccountManagers, Shop};
use crate::error::Result;
use crate::shop::tables::{INVENTORY_LEVELS, literal};

impl<M: AccountManagers> Shop<M> {
    pub(super) async fn move_stock(&mut self) -> Result<()> {
        let (sku, location) = self.world.any_level(self.maker.rng());
        let by = i64::from(self.below(40)) - 15;
        let update = format!(
            "UPDATE public.inventory_levels SET on_hand = greatest(reserved, on_hand + ({by})), \
             updated_at = now() WHERE sku = {} AND location = {}",
            literal(&sku),
            literal(&location)
        );
        self.transaction(&[update], 1).await?;
        self.wrote(INVENTORY_LEVELS, &[&sku, &location])
    }
}
