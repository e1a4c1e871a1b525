FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/banner
ENV EDITION=full
COPY make.py server.py ./
RUN python make.py
EXPOSE 8000
CMD ["python", "server.py"]
