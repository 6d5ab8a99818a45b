# For those who have a container engine: the image that `make images` makes without one. From the root of the repository:
#   docker build -f images/flow-gateway.Dockerfile -t flow-gateway .
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags=timetzdata -ldflags="-s -w -buildid=" -o /usr/local/bin/flow-gateway ./cmd/flow-gateway
RUN mkdir -p -m 1777 /rootfs/tmp

FROM scratch
COPY images/rootfs/ /
COPY --from=build /rootfs/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/flow-gateway /usr/local/bin/flow-gateway
LABEL helm-flow.github.io/runtime=go org.opencontainers.image.title=flow-gateway
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/local/bin/flow-gateway"]
