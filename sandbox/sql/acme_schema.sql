-- Acme's shop database, as the contracts describe its tables. Statuses are text on purpose: the shop's own bugs must be
-- able to write values that the contracts refuse.

CREATE TABLE public.customers (
    customer_id      text PRIMARY KEY,
    display_name     text NOT NULL,
    first_name       text,
    last_name        text,
    email            text NOT NULL,
    phone            text,
    date_of_birth    date,
    street           text,
    city             text,
    postal_code      text,
    country          text NOT NULL,
    language         text NOT NULL,
    segment          text NOT NULL,
    credit_limit     numeric(12,2) NOT NULL,
    loyalty_points   bigint NOT NULL,
    marketing_opt_in boolean NOT NULL,
    notes            text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
-- Out of line and uncompressed: long notes stay out of changes that do not touch them.
ALTER TABLE public.customers ALTER COLUMN notes SET STORAGE EXTERNAL;

CREATE TABLE public.orders (
    order_id      uuid PRIMARY KEY,
    customer_id   text NOT NULL
        REFERENCES public.customers ON UPDATE CASCADE DEFERRABLE INITIALLY IMMEDIATE,
    order_number  bigint NOT NULL,
    status        text NOT NULL,
    channel       text NOT NULL,
    currency      text NOT NULL,
    subtotal      numeric(12,2) NOT NULL,
    tax           numeric(12,2) NOT NULL,
    shipping      numeric(12,2) NOT NULL,
    discount      numeric(12,2) NOT NULL,
    total         numeric(12,2) NOT NULL,
    line_count    integer NOT NULL,
    contact_email text NOT NULL,
    ship_street   text,
    ship_country  text NOT NULL,
    session_id    text,
    gift_message  text,
    promised_on   date,
    placed_at     timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
ALTER TABLE public.orders ALTER COLUMN gift_message SET STORAGE EXTERNAL;
CREATE INDEX orders_customer_id ON public.orders (customer_id);
CREATE INDEX orders_placed_at ON public.orders (placed_at);

CREATE TABLE public.order_lines (
    order_id     uuid NOT NULL REFERENCES public.orders ON DELETE CASCADE DEFERRABLE,
    line_no      integer NOT NULL,
    sku          text NOT NULL,
    product_name text NOT NULL,
    quantity     integer NOT NULL,
    unit_price   numeric(12,2) NOT NULL,
    discount     numeric(12,2) NOT NULL,
    line_total   numeric(12,2) NOT NULL,
    tax_rate     numeric(5,4) NOT NULL,
    location     text,
    state        text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (order_id, line_no)
);

CREATE TABLE public.inventory_levels (
    sku           text NOT NULL,
    location      text NOT NULL,
    product_name  text NOT NULL,
    category      text NOT NULL,
    on_hand       bigint NOT NULL,
    reserved      bigint NOT NULL,
    safety_stock  bigint NOT NULL,
    reorder_point bigint NOT NULL,
    unit_cost     numeric(12,4) NOT NULL,
    bin           text,
    condition     text NOT NULL,
    counted_on    date,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (sku, location)
);
