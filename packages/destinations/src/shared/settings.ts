import { z } from "zod";
import { CONTENT_ID_FORMS, type ContentIdForm, VALUE_RULES, type ValueRule } from "../destination.ts";

/** The settings every destination of this shape has besides its id. */
export interface CommonSettings {
  /** How an order's value is counted. */
  value: ValueRule;
  /** Which id stands for an item in the merchant's catalogue at the platform. */
  content_ids: ContentIdForm;
  /** Also send events the platform has no standard name for, under a custom name. */
  custom_events: boolean;
}

/** The zod shape of `CommonSettings`, with the platform's default value rule. */
export function commonSettings(value: ValueRule) {
  return {
    value: z.enum(VALUE_RULES, `"value" must be one of ${VALUE_RULES.join(", ")}.`).default(value),
    content_ids: z.enum(CONTENT_ID_FORMS, `"content_ids" must be one of ${CONTENT_ID_FORMS.join(", ")}.`)
      .default("variant"),
    custom_events: z.boolean('"custom_events" must be true or false.').default(false),
  };
}
