import type { MerchantWorld } from "@trakit/pipeline/merchant/world.ts";

/** What the merchant's API needs of its process. */
export interface AdminDependencies extends MerchantWorld {
  /** `TRAKIT_ADMIN_URL`: the only page whose origin may call. */
  adminUrl: string;
}
